"""Code that every handler shares: parsing, logging, tracing, metrics, clock. No AWS call."""
