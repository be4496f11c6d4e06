"""domain.ports.callbacks.Callbacks in memory."""

from typing import NamedTuple


class Answer(NamedTuple):
    """What a waiting state heard; ``error`` is None for a success."""

    error: str | None
    text: str


class MemoryCallbacks:
    """States that wait behind tokens: the first answer counts, every later one finds nobody."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()
        self.answers: dict[str, Answer] = {}

    def wait(self, task_token: str) -> str:
        """Let a state wait, as Step Functions does before it calls train_adapter."""
        self.waiting.add(task_token)
        return task_token

    def succeed(self, task_token: str, answer: str, job_id: str) -> bool:  # noqa: ARG002
        return self._take(task_token, Answer(None, answer))

    def fail(self, task_token: str, error: str, cause: str, job_id: str) -> bool:  # noqa: ARG002
        return self._take(task_token, Answer(error, cause))

    def _take(self, task_token: str, answer: Answer) -> bool:
        if task_token not in self.waiting:
            return False
        self.waiting.remove(task_token)
        self.answers[task_token] = answer
        return True
