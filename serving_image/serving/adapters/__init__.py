"""Adapters: read from packages, cached in memory, and applied to the rows of a batch."""
