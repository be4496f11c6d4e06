"""The ``jobs`` table: job records, the queue and cost records."""
