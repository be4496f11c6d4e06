"""Instance types, GPUs, quotas, and whose an endpoint is."""
