"""Compares serving with a design that loads one base for each user."""
