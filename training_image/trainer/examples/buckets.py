"""Photos of several sizes: which sizes there are, and which batch each step takes.

A batch is of one size. In a round, every photo comes once (or as often as its ``repeats`` says),
the batches of all sizes in an order by chance. All of it depends on the seed and the step alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageOps

from trainer.config import noise
from trainer.photos.photos import Latents

MAX_ASPECT = 2.0
"""Of a bucket: a longer photo is cropped to it."""


@dataclass(frozen=True, order=True)
class Size:
    """Pixels of a training picture."""

    height: int
    width: int


@dataclass(frozen=True)
class Bucket:
    """Photos of one size, encoded."""

    photos: Latents
    rows: Sequence[int]
    """Each photo's place among the prompts."""
    size: Size
    repeats: Sequence[int] = ()
    """How often each comes in a round; empty: once."""

    @property
    def entries(self) -> list[int]:
        """Return the photos of one round, by their places."""
        if not self.repeats:
            return list(range(len(self.rows)))
        return [place for place, often in enumerate(self.repeats) for _ in range(often)]


def sizes_of(side: int, step: int) -> list[Size]:
    """Return the sizes of about ``side`` x ``side`` pixels, every side a multiple of ``step``.

    >>> [(size.height, size.width) for size in sizes_of(512, 128)]
    [(384, 640), (512, 512), (640, 384)]
    """
    square = Size(side, side)
    found = {square}
    for width in range(step, 2 * side + 1, step):
        height = side * side // width // step * step
        if height and 1 / MAX_ASPECT <= width / height <= MAX_ASPECT:
            found |= {Size(height, width), Size(width, height)}
    near = {size for size in found if size == square or size.height != size.width}
    return sorted(near)


def nearest(width: int, height: int, sizes: Sequence[Size]) -> Size:
    """Return the size whose aspect is the most like a photo's; of two, the larger one.

    >>> nearest(300, 200, [Size(384, 640), Size(512, 512)])
    Size(height=384, width=640)
    """

    def distance(size: Size) -> tuple[float, int]:
        ratio = (width / height) / (size.width / size.height)
        return round(abs(math.log(ratio)), 9), -size.height * size.width

    return min(sizes, key=distance)


def fit(image: Image.Image, size: Size) -> Image.Image:
    """Return the centre of an image, as much as fits, at a size."""
    whole = (size.width, size.height)
    return ImageOps.fit(image.convert("RGB"), whole, Image.Resampling.LANCZOS)


def choose_batch(
    buckets: Sequence[Bucket], batch: int, batch_size: int, seed: int
) -> tuple[int, list[int]]:
    """Return the bucket of a batch and its photos' places there; ``batch`` counts from 0."""
    entries = [bucket.entries for bucket in buckets]
    counts = [math.ceil(len(own) / batch_size) for own in entries]
    round_, place = divmod(batch, sum(counts))
    turns = [number for number, count in enumerate(counts) for _ in range(count)]
    if len(buckets) == 1:
        number, first = 0, batch
        key: tuple[int | str, ...] = (seed, "photo")
    else:
        order = torch.randperm(
            len(turns), generator=noise.make_generator(seed, "bucket", round_)
        ).tolist()
        turns = [turns[i] for i in order]
        number = turns[place]
        first = round_ * counts[number] + turns[:place].count(number)
        key = (seed, "photo", number)
    own = entries[number]
    draws = range(first * batch_size, (first + 1) * batch_size)
    return number, [own[noise.shuffled_index(len(own), draw, *key)] for draw in draws]
