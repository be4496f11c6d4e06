"""The laptop: an embedded AWS, the demo, the embedded base model and its portraits."""
