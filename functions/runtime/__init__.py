"""What every handler shares: parsing, logging, tracing, metrics, clock. No rule, no AWS call."""
