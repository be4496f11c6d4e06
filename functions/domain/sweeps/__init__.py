"""Several trainings of one upload: a grid of settings, and the best result."""
