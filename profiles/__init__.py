"""Profiles: what template.yaml becomes for an organisation with rules of its own."""
