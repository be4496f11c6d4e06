"""Who calls the HTTP API, and what the caller may do."""
