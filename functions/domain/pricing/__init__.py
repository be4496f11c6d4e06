"""The estimated steps, time and cost of a training."""
