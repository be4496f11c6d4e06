"""Judging an adapter before it is published."""
