"""What the rules need of Step Functions' task tokens."""

from typing import Protocol


class Callbacks(Protocol):
    """Answers waiting states. Both methods return False when no state waits behind the token.

    The job id goes into the log line and nowhere else.
    """

    def succeed(self, task_token: str, answer: str, job_id: str) -> bool:
        """End the waiting state with this JSON."""
        ...

    def fail(self, task_token: str, error: str, cause: str, job_id: str) -> bool:
        """Fail the waiting state."""
        ...
