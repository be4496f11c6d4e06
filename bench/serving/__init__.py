"""Serving against a base for each user."""
