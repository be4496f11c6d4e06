"""Answers that were given before: the same request, seed and weights give the same files.

Kept in memory, least recently used out, by bytes. What has no seed of its own asks for a new
picture each time, so it is neither looked up nor kept.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from contracts.documents.package import GenerationInfo
from serving.tensors import PictureRequest


@dataclass(frozen=True)
class Answer:
    """What one request got."""

    pictures: tuple[bytes, ...]
    """Base64."""
    info: GenerationInfo

    @property
    def size(self) -> int:
        """In bytes, about."""
        return sum(len(picture) for picture in self.pictures)


class AnswerCache:
    """Finds an answer by everything that it depends on."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.kept: OrderedDict[str, Answer] = OrderedDict()
        self.bytes = 0
        self.hits = 0

    def find(self, key: str | None) -> Answer | None:
        """Return the answer, and say in it that it is an old one."""
        if key is None or key not in self.kept:
            return None
        self.kept.move_to_end(key)
        self.hits += 1
        answer = self.kept[key]
        return Answer(
            answer.pictures, answer.info.model_copy(update={"cached": True, "seconds": 0.0})
        )

    def keep(self, key: str | None, answer: Answer) -> None:
        """Keep it, and forget the least recently used beyond the capacity."""
        if key is None or key in self.kept or answer.size > self.capacity_bytes:
            return
        self.kept[key] = answer
        self.bytes += answer.size
        while self.bytes > self.capacity_bytes:
            self.bytes -= self.kept.popitem(last=False)[1].size


def answer_key(request: PictureRequest, caller: str, weights: tuple[str, ...]) -> str | None:
    """Return what tells this request from any other one; None when it must be drawn.

    Args:
        request: with every default filled in.
        caller: the calling model: no user is answered from another one's pictures.
        weights: hashes of everything that draws, and how strongly each counts.
    """
    arguments = request.arguments
    if arguments.seed is None or not arguments.use_cache:
        return None
    quality = None if arguments.output_format == "png" else arguments.quality
    parts = (
        caller,
        weights,
        request.prompt,
        request.negative_prompt,
        request.num_inference_steps,
        request.guidance_scale,
        request.seeds,
        (request.height, request.width),
        request.scheduler,
        (arguments.output_format, quality),
        (request.image.sha256, request.strength) if request.image else None,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()
