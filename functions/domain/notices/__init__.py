"""Notices to owners: exactly one for each upload."""
