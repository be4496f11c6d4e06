"""domain.notices.Models in memory."""

from contracts.model import ModelRecord


class MemoryModels:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], ModelRecord] = {}

    def record(self, model: ModelRecord) -> None:
        self.rows[model.tenant, model.model_id] = model
