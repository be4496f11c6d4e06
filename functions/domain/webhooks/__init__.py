"""Webhooks: who is told of what, how it is signed, where it may go, and when it is tried again."""
