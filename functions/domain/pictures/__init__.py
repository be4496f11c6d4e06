"""Pictures that are ordered through the HTTP API: ordering, drawing, cancelling."""
