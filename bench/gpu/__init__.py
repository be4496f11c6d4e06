"""The trainer at real size on a GPU, unattended: one command, parts of at most ten minutes."""
