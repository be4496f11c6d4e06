"""Photos of several sizes: the sizes that exist, and the batch that each step takes.

All images of a batch have one size, and every batch is full. A round gives each size as many
batches as its share of the photos, spread evenly over the round, so that every photo is drawn
equally often (or as often as its ``repeats`` says), whatever the mixture of sizes. Everything
depends on the seed and the step alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageOps
from torch import Tensor

from trainer.config import noise
from trainer.photos.photos import Latents

MAX_ASPECT = 2.0
"""The largest aspect ratio of a bucket; a longer photo is cropped to it."""


@dataclass(frozen=True, order=True)
class Size:
    """The size of a training image in pixels."""

    height: int
    width: int

    def time_ids(self, count: int) -> Tensor:
        """Return SDXL's time ids of ``count`` images of this size that were not cropped."""
        return torch.tensor([[self.height, self.width, 0, 0, self.height, self.width]] * count)


@dataclass(frozen=True)
class Bucket:
    """The encoded photos of one size."""

    photos: Latents
    rows: Sequence[int]
    """For each photo, the index of its caption in the prompts."""
    size: Size
    repeats: Sequence[int] = ()
    """How often each photo comes in a round; empty for once."""
    classes: Sequence[int] = ()
    """For each photo, the index of its subject's class; empty: there is one class."""

    @property
    def time_ids(self) -> Tensor:
        """Return (N, 6), SDXL's time ids of the photos."""
        own = self.photos.time_ids
        return self.size.time_ids(len(self.rows)) if own is None else own

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
    if len(buckets) == 1:
        number, first = 0, batch
        key: tuple[int | str, ...] = (seed, "photo")
    else:
        number, first = choose_bucket([len(own) for own in entries], batch, seed)
        key = (seed, "photo", number)
    own = entries[number]
    draws = range(first * batch_size, (first + 1) * batch_size)
    return number, [own[noise.shuffled_index(len(own), draw, *key)] for draw in draws]


def choose_bucket(entries: Sequence[int], batch: int, seed: int) -> tuple[int, int]:
    """Return the bucket of a batch, and the number of earlier batches of this bucket.

    A round has as many batches of each bucket as its share of ``entries``, the photos of each
    bucket. Batch i of a bucket's n in the round comes at a random time in the round's i-th n-th.
    """
    counts = [count // math.gcd(*entries) for count in entries]
    round_, index = divmod(batch, sum(counts))
    numbers = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    turns = torch.cat([torch.arange(count) for count in counts])
    jitter = torch.rand(len(numbers), generator=noise.make_generator(seed, "bucket", round_))
    times = (turns + jitter.double()) / torch.tensor(counts)[numbers]
    order = numbers[times.argsort(stable=True)]
    number = int(order[index])
    return number, round_ * counts[number] + int((order[:index] == number).sum())
