"""Measures each optimisation of a training step by turning it off.

The variants run in turn in one process, on the same base, user and steps. A figure is the median of
the ratios.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Figure
from bench.training.gates import make_photos, open_base, train_alone
from trainer.examples.batches import Batch
from trainer.model.base import Base
from trainer.model.text import EncodedPrompts
from trainer.optimisation import loop
from trainer.photos.photos import encode_photos

TURNS = 2
PROMPTS = ["a photo of sks", "a photo"]
Variant = Callable[[], AbstractContextManager[None]]


def steps(folder: Path, *, processor: bool) -> list[Figure]:
    """Measure the step without each optimisation."""
    base, stamp = open_base(folder), time.process_time if processor else time.monotonic
    photos = make_photos(0)[:2]
    variants: dict[str, Variant] = {
        "as it is": nullcontext,
        "peft's own layers": without_fused_layers,
        "photo and class image encoded anew": lambda: before_each_batch(
            lambda: encode_photos(base, photos)
        ),
        "prompts encoded anew": lambda: before_each_batch(lambda: encode(base)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(TURNS):
        for name, variant in variants.items():
            with variant():
                seconds[name].append(train_alone(base, 0, stamp))
    plain = seconds.pop("as it is")
    return [
        Figure("a step, in one process", float(np.median(plain)), "s"),
        *(
            Figure(f"a step with {name}, against that", median_ratio(own, plain), "times")
            for name, own in seconds.items()
        ),
    ]


def median_ratio(ones: list[float], others: list[float]) -> float:
    """Return the median ratio of corresponding values."""
    return float(np.median([one / other for one, other in zip(ones, others, strict=True)]))


def encode(base: Base) -> EncodedPrompts:
    """Encode the prompts of a batch."""
    return base.encode(PROMPTS)


@contextmanager
def without_fused_layers() -> Iterator[None]:
    """Use peft's own layers and diffusers' own attention."""

    @contextmanager
    def plain(
        _: object,
        texts: list[EncodedPrompts],
        *,
        checkpointing: bool,  # noqa: ARG001 (the real one needs it)
    ) -> Iterator[list[EncodedPrompts]]:
        yield texts

    with replaced(loop, "fused_lora_layers", plain):
        yield


@contextmanager
def before_each_batch(work: Callable[[], object]) -> Iterator[None]:
    """Run ``work`` before each batch is drawn."""
    draw: Callable[..., Batch] = vars(loop)["draw_batch"]

    def working(*given: Any) -> Batch:  # noqa: ANN401 (passed on)
        work()
        return draw(*given)

    with replaced(loop, "draw_batch", working):
        yield


@contextmanager
def replaced(module: object, name: str, value: object) -> Iterator[None]:
    """Replace an attribute of a module while the block runs."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
