"""Adapters in memory, and how each row of a batch uses its own."""
