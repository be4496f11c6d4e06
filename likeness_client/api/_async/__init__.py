"""The async client; docs/clients.py writes likeness_client/api/_sync/ from these files."""
