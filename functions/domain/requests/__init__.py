"""Merge an upload's request sources into one TrainingRequest."""
