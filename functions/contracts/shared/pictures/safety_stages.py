"""Two stages look at each drawn picture: diffusers' safety checker, then the content filter.

Both are the operator's to name. The first stage flags; the second, where there is one, decides on
what was flagged. With one of them alone, that one decides on every picture. The server asks them
about every picture that it answers with, the trainer about every picture that it writes.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from PIL.Image import Image


class Verdict(NamedTuple):
    """What the stages say of one picture."""

    unsafe: bool
    """Whether the picture must be withheld."""
    overruled: bool = False
    """Whether the second stage let pass what the first had flagged."""
    score: float | None = None
    """Probability of the filter's refused labels; None where the filter was not asked."""


class Checker(Protocol):
    """Checks pictures before anybody sees them."""

    def check(self, images: Sequence[Image]) -> list[Verdict]:
        """Return the verdict on each picture."""
        ...


class Flags(Protocol):
    """The first stage."""

    def unsafe(self, images: Sequence[Image]) -> list[bool]:
        """Return for each picture whether it is flagged."""
        ...


class Scores(Protocol):
    """The second stage."""

    threshold: float
    """Probability from which on a picture is withheld."""

    def scores(self, images: Sequence[Image]) -> list[float]:
        """Return for each picture the probability of the refused labels."""
        ...


class Stages(NamedTuple):
    """The stages that the operator has named; without any, every picture passes."""

    first: Flags | None = None
    second: Scores | None = None

    def check(self, images: Sequence[Image]) -> list[Verdict]:
        """Return the verdict on each picture; the second stage sees only what the first flags."""
        flags = [True] * len(images) if self.first is None else self.first.unsafe(images)
        if self.second is None:
            return [Verdict(self.first is not None and flag) for flag in flags]
        flagged = [image for image, flag in zip(images, flags, strict=True) if flag]
        scores = iter(self.second.scores(flagged) if flagged else ())
        return [self.decide(next(scores)) if flag else Verdict(False) for flag in flags]

    def decide(self, score: float) -> Verdict:
        """Return the second stage's verdict on a flagged picture."""
        unsafe = self.second is not None and score >= self.second.threshold
        return Verdict(unsafe, self.first is not None and not unsafe, score)
