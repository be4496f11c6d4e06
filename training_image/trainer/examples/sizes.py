"""The photos at every size that they are trained at, encoded.

Only for requests with buckets, resolutions or unequal repeats. Otherwise all photos are squares of
one size, as the photo pipeline made them.
"""

from dataclasses import dataclass
from math import gcd

from PIL import Image

from contracts.documents.training import TaskPhoto, TrainingTask
from trainer.config.recipe import Recipe
from trainer.examples.buckets import Bucket, Size, nearest, sizes_of
from trainer.model.base import Base
from trainer.photos.photos import Photo, encode_photos


@dataclass(frozen=True)
class Dataset:
    """The photos to train on, with the index of each caption."""

    task: TrainingTask
    photos: list[Photo]
    rows: list[int]
    """For each photo, the index of its caption in the prompts."""

    def task_photo(self, photo: Photo) -> TaskPhoto:
        """Return the plan's entry of a photo."""
        return next(
            task_photo for task_photo in self.task.photos if task_photo.index == photo.index
        )

    @property
    def repeats(self) -> list[int]:
        """Return how often each photo comes in a round, divided by the common divisor."""
        counts = [self.task_photo(photo).repeats for photo in self.photos]
        return [each // gcd(*counts) for each in counts]


def encode_sizes(base: Base, recipe: Recipe, dataset: Dataset) -> tuple[Bucket, ...]:
    """Return the photos by size; () if all are squares with equal repeats."""
    is_plain = not recipe.enable_bucket and not recipe.resolutions
    if is_plain and set(dataset.repeats) == {1}:
        return ()
    by_size: dict[Size, list[int]] = {}
    for index, photo in enumerate(dataset.photos):
        for size in sizes_for(
            recipe, photo.whole or photo.image, base.denoiser.side_step(base.pipeline)
        ):
            by_size.setdefault(size, []).append(index)
    return tuple(
        Bucket(
            encode_photos(base, [dataset.photos[p].at(size.width, size.height) for p in indices]),
            [dataset.rows[index] for index in indices],
            size,
            [dataset.repeats[index] for index in indices],
            [recipe.class_of(dataset.photos[index].subject) for index in indices],
        )
        for size, indices in sorted(by_size.items())
    )


def sizes_for(recipe: Recipe, image: Image.Image, step: int) -> list[Size]:
    """Return the sizes that a photo is trained at, one for each resolution."""
    sides = recipe.resolutions or (recipe.resolution,)
    if not recipe.enable_bucket:
        return [Size(side, side) for side in sides]
    return [nearest(image.width, image.height, sizes_of(side, step)) for side in sides]
