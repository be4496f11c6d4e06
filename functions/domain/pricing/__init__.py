"""What a training will cost, and whether that was allowed."""
