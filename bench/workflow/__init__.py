"""Runs many uploads at once through the whole workflow."""
