"""The audit trail: what an entry says."""
