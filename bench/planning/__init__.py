"""The planner and the warm pool against simulated work."""
