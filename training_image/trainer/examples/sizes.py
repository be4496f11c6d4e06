"""The photos at every size that they are trained at, encoded.

Only where a request asks for buckets or resolutions, or some photos come more often than others;
else they are squares of one size, as the darkroom made them.
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
    """The photos to train on."""

    task: TrainingTask
    photos: list[Photo]
    rows: list[int]
    """Each photo's place among the prompts."""

    def task_photo(self, photo: Photo) -> TaskPhoto:
        """Return what the plan says of a photo."""
        return next(
            task_photo for task_photo in self.task.photos if task_photo.index == photo.index
        )

    @property
    def repeats(self) -> list[int]:
        """Return how often each comes in a round, in the smallest numbers."""
        counts = [self.task_photo(photo).repeats for photo in self.photos]
        return [each // gcd(*counts) for each in counts]


def encode_sizes(base: Base, recipe: Recipe, dataset: Dataset) -> tuple[Bucket, ...]:
    """Return the photos by size; nothing where all are squares that come equally often."""
    plain = not recipe.enable_bucket and not recipe.resolutions
    if plain and set(dataset.repeats) == {1}:
        return ()
    at: dict[Size, list[int]] = {}
    for place, photo in enumerate(dataset.photos):
        for size in sizes_for(recipe, photo.whole or photo.image, side_multiple(base)):
            at.setdefault(size, []).append(place)
    return tuple(
        Bucket(
            encode_photos(base, [dataset.photos[p].at(size.width, size.height) for p in members]),
            [dataset.rows[place] for place in members],
            size,
            [dataset.repeats[place] for place in members],
        )
        for size, members in sorted(at.items())
    )


def sizes_for(recipe: Recipe, image: Image.Image, step: int) -> list[Size]:
    """Return the sizes that a photo is trained at, one for each resolution."""
    sides = recipe.resolutions or (recipe.resolution,)
    if not recipe.enable_bucket:
        return [Size(side, side) for side in sides]
    return [nearest(image.width, image.height, sizes_of(side, step)) for side in sides]


def side_multiple(base: Base) -> int:
    """Return the pixels that every side must be a multiple of: one place of the deepest layer."""
    factor: int = base.pipeline.vae_scale_factor
    halvings: int = len(base.pipeline.unet.config.block_out_channels) - 1
    return factor << halvings
