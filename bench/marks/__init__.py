"""Measures the marks of drawn pictures."""
