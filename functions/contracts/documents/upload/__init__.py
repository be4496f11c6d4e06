"""The request that a client uploads beside its photos, and the report of its problems."""
