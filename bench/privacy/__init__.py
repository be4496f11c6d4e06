"""`make privacy`: what people have written or named stands in no log, trace, history or message."""
