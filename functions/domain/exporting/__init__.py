"""Data export: everything that is held about a tenant, a person or an upload, in one archive."""
