"""Photos of several sizes: the sizes that exist, and the batch that each step takes.

All images of a batch have one size. In a round, every photo comes once (or as often as its
``repeats`` says), and the batches of all sizes come in random order. Everything depends on the seed
and the step alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageOps

from trainer.config import noise
from trainer.photos.photos import Latents

MAX_ASPECT = 2.0
"""The largest aspect ratio of a bucket; a longer photo is cropped to it."""


@dataclass(frozen=True, order=True)
class Size:
    """The size of a training image in pixels."""

    height: int
    width: int


@dataclass(frozen=True)
class Bucket:
    """The encoded photos of one size."""

    photos: Latents
    rows: Sequence[int]
    """For each photo, the index of its caption in the prompts."""
    size: Size
    repeats: Sequence[int] = ()
    """How often each photo comes in a round; empty for once."""

    @property
    def entries(self) -> list[int]:
        """Return the photos of one round; a photo is listed once for each repeat."""
        if not self.repeats:
            return list(range(len(self.rows)))
        return [index for index, count in enumerate(self.repeats) for _ in range(count)]


def sizes_of(side: int, step: int) -> list[Size]:
    """Return the sizes of about ``side`` x ``side`` pixels whose sides are multiples of ``step``.

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
    """Return the size with the aspect ratio most like a photo's; of two, the larger one.

    >>> nearest(300, 200, [Size(384, 640), Size(512, 512)])
    Size(height=384, width=640)
    """

    def distance(size: Size) -> tuple[float, int]:
        ratio = (width / height) / (size.width / size.height)
        return round(abs(math.log(ratio)), 9), -size.height * size.width

    return min(sizes, key=distance)


def fit(image: Image.Image, size: Size) -> Image.Image:
    """Return the largest centred part of an image with the size's aspect, at that size."""
    whole = (size.width, size.height)
    return ImageOps.fit(image.convert("RGB"), whole, Image.Resampling.LANCZOS)


def choose_batch(
    buckets: Sequence[Bucket], batch: int, batch_size: int, seed: int
) -> tuple[int, list[int]]:
    """Return the bucket of a batch and the photos in it; ``batch`` counts from 0."""
    entries = [bucket.entries for bucket in buckets]
    counts = [math.ceil(len(own) / batch_size) for own in entries]
    round_, index = divmod(batch, sum(counts))
    batches = [number for number, count in enumerate(counts) for _ in range(count)]
    if len(buckets) == 1:
        number, first = 0, batch
        key: tuple[int | str, ...] = (seed, "photo")
    else:
        order = torch.randperm(
            len(batches), generator=noise.make_generator(seed, "bucket", round_)
        ).tolist()
        batches = [batches[i] for i in order]
        number = batches[index]
        first = round_ * counts[number] + batches[:index].count(number)
        key = (seed, "photo", number)
    own = entries[number]
    draws = range(first * batch_size, (first + 1) * batch_size)
    return number, [own[noise.shuffled_index(len(own), draw, *key)] for draw in draws]
