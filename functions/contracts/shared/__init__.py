"""Rules that two runtimes need, each written once. Standard library only; no rule has a state."""
