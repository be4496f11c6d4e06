"""``likeness doctor``: what would stop a deployment, or stops a stack, and how to fix it."""
