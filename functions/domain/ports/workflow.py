"""What starting a training needs."""

from typing import Protocol

from contracts.documents.stages import ObjectCreated


class Workflow(Protocol):
    """Executions of train_adapter."""

    def start(self, name: str, event: ObjectCreated) -> None:
        """Start an execution with this input; do nothing when there is one of this name."""
        ...
