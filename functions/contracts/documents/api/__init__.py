"""What callers of the HTTP API send and get, and who they are."""
