"""The multi-model endpoint, and the `models` table of what it serves."""
