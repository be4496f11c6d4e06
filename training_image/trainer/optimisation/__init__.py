"""The training loops, the optimizer step, checkpoints and metrics."""
