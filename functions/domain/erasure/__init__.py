"""Erasure: a tombstone at once, work stopped, every store emptied, a signed receipt."""
