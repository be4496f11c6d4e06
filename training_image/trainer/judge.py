"""The judge of likeness: who is on a picture, and does it show what its prompt asks for.

A base brings its own (``BaseCard.judge``); a deployment with real photos can bring a face encoder.
"""

from typing import Protocol

from PIL import Image
from torch import Tensor

from trainer.base import Base
from trainer.outcome import TrainingError


class Judge(Protocol):
    """What the gate needs to know about pictures."""

    def embed(self, images: list[Image.Image]) -> Tensor:
        """Return (N, D) float32 of unit length: the nearer, the more alike the people."""
        ...

    def follows(self, prompt: str, image: Image.Image) -> tuple[int, int]:
        """Return how many of the attributes that ``prompt`` names the image shows, and of how many.

        (0, 0) for a prompt that names none.
        """
        ...


def load_judge(base: Base) -> Judge | None:
    """Return the base's judge; None when it brings none, so identity is not scored."""
    if base.card.judge is None:
        return None
    raise TrainingError("base_mismatch", "this trainer cannot load the base's judge")
