"""The key of every document in the buckets and tables, and the paths in the training container.

No other module spells a key.
"""

from contracts.shared.layout import bases, container, hub, models, rows, uploads

__all__ = ["bases", "container", "hub", "models", "rows", "uploads"]
