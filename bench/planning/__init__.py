"""Simulations of the planner and of warm pools."""
