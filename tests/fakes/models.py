"""domain.notices.notices.Models in memory."""

from contracts.documents.model import ModelRecord


class MemoryModels:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], ModelRecord] = {}

    def record(self, model: ModelRecord) -> None:
        self.rows[model.tenant, model.model_id] = model

    def of(self, tenant: str, model_id: str | None = None) -> list[ModelRecord]:
        found = [
            row
            for (owner, name), row in self.rows.items()
            if owner == tenant and model_id in {None, name}
        ]
        return sorted(found, key=lambda row: row.created_at, reverse=True)
