"""A container's program as a process on the laptop."""
