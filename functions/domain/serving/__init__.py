"""The endpoint: when it runs, and the first picture of a new model."""
