"""What a client uploads beside the photos, and what it is told about it."""
