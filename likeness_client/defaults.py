"""Defaults that the command line names before the commands themselves are imported."""

PATIENCE_SECONDS = 60.0
"""How long ``--watch`` waits for an upload to be accepted: a cold start takes a few seconds."""

STEPS = 200
"""Training steps of ``likeness bench instance``."""
