"""What the stack's parameters say, from the environment of a function."""
