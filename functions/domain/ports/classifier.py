"""What the rules need of a picture classifier: the content filter, or the estimate of ages."""

from collections.abc import Mapping, Sequence
from typing import Protocol

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels; what is beyond the picture is cut off."""


class Classifier(Protocol):
    """Gives pictures the probabilities of its labels, each in at most MAX_CLASSIFIER_SECONDS."""

    def classify(self, png: bytes, boxes: Sequence[Box]) -> tuple[Mapping[str, float], ...] | None:
        """Return the probability of each label, for each box or, without boxes, for the picture.

        None: a limit ended it, or the picture cannot be read.

        Raises:
            DecoderBrokenError: the classifier does not start.
        """
        ...
