"""Caches answers: the same request, seed and weights give the same files.

The cache is in memory, least recently used out; its capacity is in bytes. A request without a seed
asks for a new picture each time, so it is neither looked up nor stored.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from threading import Lock

from contracts.documents.package import GenerationInfo
from contracts.documents.picture import OutputFormat
from serving.picture_request import PictureRequest


@dataclass(frozen=True)
class Answer:
    """The answer to one request."""

    pictures: tuple[bytes, ...]
    """The pictures' files in base64."""
    info: GenerationInfo
    job_ids: frozenset[str] = frozenset()
    """Ids of the jobs whose models they belong to."""
    kind: OutputFormat = "png"
    """Format of the files."""

    @property
    def size(self) -> int:
        """Approximate size in bytes."""
        return sum(len(picture) for picture in self.pictures)


class AnswerCache:
    """Stores answers under a key of everything that they depend on; any thread may use it."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.answers: OrderedDict[str, Answer] = OrderedDict()
        self.bytes = 0
        self.hits = 0
        self.erased: set[str] = set()
        """Ids of models whose answers are not stored: erased for ever, or disabled."""
        self._lock = Lock()

    def find(self, key: str | None) -> Answer | None:
        """Return the cached answer, with ``cached`` set in its info."""
        with self._lock:
            if key is None or key not in self.answers:
                return None
            self.answers.move_to_end(key)
            self.hits += 1
            answer = self.answers[key]
        info = answer.info.model_copy(update={"cached": True, "seconds": 0.0})
        return replace(answer, info=info)

    def put(self, key: str | None, answer: Answer) -> None:
        """Store an answer, and drop the least recently used ones beyond the capacity."""
        with self._lock:
            if key is None or key in self.answers or answer.size > self.capacity_bytes:
                return
            if answer.job_ids & self.erased:
                return
            self.answers[key] = answer
            self.bytes += answer.size
            while self.bytes > self.capacity_bytes:
                self.bytes -= self.answers.popitem(last=False)[1].size

    def drop(self, job_ids: AbstractSet[str]) -> None:
        """Forget what erased models have drawn, alone or mixed in, and store none of it again."""
        with self._lock:
            self.erased |= job_ids
            for key in [k for k, one in self.answers.items() if one.job_ids & job_ids]:
                self.bytes -= self.answers.pop(key).size

    def allow(self, job_ids: AbstractSet[str]) -> None:
        """Store answers of these models again: they are no longer disabled."""
        with self._lock:
            self.erased -= job_ids


def answer_key(request: PictureRequest, caller: str, weights: tuple[str, ...]) -> str | None:
    """Return the cache key of a request; None when the pictures must be drawn anew.

    Args:
        request: with every default filled in.
        caller: the calling model, so that no user gets another user's pictures.
        weights: the hash and the scale of every adapter in the mix.
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
        start_of(request),
        (arguments.prompt_weights, arguments.clip_skip),
        request.second_pass,
        request.refiner_switch_at,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def start_of(request: PictureRequest) -> tuple[str | float | None, ...]:
    """Return what a picture starts from; empty: noise alone."""
    image = request.image
    return (image.sha256, image.mask_sha256, request.strength) if image else ()
