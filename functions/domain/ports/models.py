"""What the rules need of the ``models`` table: which models a tenant has."""

from typing import Protocol

from contracts.documents.model import ModelRecord


class Models(Protocol):
    """One record for each model of a tenant."""

    def record(self, model: ModelRecord) -> None:
        """Store a model's record; storing the same record again changes nothing."""
        ...

    def of(self, tenant: str, model_id: str | None = None) -> list[ModelRecord]:
        """Return the tenant's models, newest first; with ``model_id`` only that one, if any."""
        ...
