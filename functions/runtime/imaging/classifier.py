"""Classify photos in a child process, whose limits end one photo but not the stage."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from domain.ports.classifier import Box
from runtime.imaging.photo_child import PhotoChild


class ChildClassifier(PhotoChild):
    """Runs the module ``classifier_child`` with the weights of a local folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__("classifier_child", [str(folder)])

    def classify(
        self, png: bytes, boxes: Sequence[Box] = ()
    ) -> tuple[Mapping[str, float], ...] | None:
        """Return the probability of each label, for each box; see the Protocol."""
        line = self.ask(json.dumps(list(boxes)).encode() + b"\n" + png)
        return tuple(json.loads(line)) if line else None
