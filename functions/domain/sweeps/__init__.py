"""Sweeps: several trainings of one upload, one for each combination of a grid."""
