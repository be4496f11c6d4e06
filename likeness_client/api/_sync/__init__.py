"""The sync client; docs/clients.py writes it from likeness_client/api/_async/."""
