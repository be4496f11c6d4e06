"""`make api-test`: the HTTP API against its own document, and who gets through which door."""
