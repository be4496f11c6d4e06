"""Fakes with memory: each passes the suite of the original it stands for (tests/integration)."""
