"""The marks of what a training draws: each task gets keys that are its own."""

from typing import NamedTuple

from contracts.documents.training import TaskMarks
from contracts.shared.pictures.mark_keys import MarkSecret, derive_keys, task_keys, to_text


class MarksOfTrainings(NamedTuple):
    """The stack's secret, and which layers its operator wants."""

    secret: MarkSecret
    watermark: bool = True
    credentials: bool = True
    label: str = ""

    def of(self, job_id: str) -> TaskMarks:
        """Return the marks of one job's pictures."""
        keys = task_keys(derive_keys(self.secret.seed, "training"), job_id)
        return TaskMarks(
            watermark_key=to_text(keys.watermark),
            signing_key=to_text(keys.signing),
            watermark=self.watermark,
            credentials=self.credentials,
            label=self.label,
        )
