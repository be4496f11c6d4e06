"""The stages that look at what a training draws for people: the stack's, as at its endpoint."""

from typing import NamedTuple

from contracts.documents.training import PictureSafety
from contracts.shared.pictures.classifier import DEFAULT_LABELS, DEFAULT_THRESHOLD


class SafetyStages(NamedTuple):
    """What the operator has named."""

    checker_id: str | None = None
    """Folder of the safety checker in the bases' bucket; None: there is none."""
    adjustment: float = 0.0
    filter_id: str | None = None
    """Folder of the content filter; None: there is none."""
    labels: str = DEFAULT_LABELS
    threshold: float = DEFAULT_THRESHOLD

    def of_plan(self) -> PictureSafety | None:
        """Return what a plan says of them; None without any."""
        if self.checker_id is None and self.filter_id is None:
            return None
        return PictureSafety(
            checker=self.checker_id is not None,
            adjustment=self.adjustment,
            content_filter=self.filter_id is not None,
            labels=self.labels,
            threshold=self.threshold,
        )


NO_STAGES = SafetyStages()
"""What a stack has whose operator names none."""
