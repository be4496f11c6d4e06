"""What the HTTP API asks of AWS: the `api` table, its queues, the hub, and who signs tokens."""
