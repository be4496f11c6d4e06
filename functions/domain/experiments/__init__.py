"""Trainings as runs of an experiment tracker, for people who compare them."""
