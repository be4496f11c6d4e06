"""The base model, the adapter in it, and pictures drawn with it."""
