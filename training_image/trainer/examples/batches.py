"""The batch of each step: which photos and class images it holds, with which noise and timesteps.

B examples in a batch: first the photos, then as many class images. Everything that is drawn at
random depends on the seed and on the batch's number alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.config.noise import bernoulli, make_generator, normal, shuffled_index
from trainer.config.recipe import Recipe
from trainer.examples.buckets import Bucket, Size, choose_batch
from trainer.examples.class_images import ClassImages
from trainer.model.base import Base
from trainer.model.text import EncodedPrompts
from trainer.photos.photos import Latents


@dataclass(frozen=True)
class Examples:
    """The encoded photos, class images and prompts of one training."""

    photos: Latents
    prompts: list[str]
    """Every caption and class prompt, each once."""
    photo_rows: list[int]
    """For each photo, the index of its caption in ``prompts``."""
    class_latents: Tensor | None
    """(M, C, H, W), scaled; None without prior preservation."""
    class_rows: list[int]
    """For each class image, the index of its prompt in ``prompts``."""
    class_numbers: Sequence[int] = ()
    """For each class image, the index of its class; empty: there is one class."""
    photo_classes: Sequence[int] = ()
    """For each photo, the index of its subject's class; empty: there is one class."""
    class_time_ids: Tensor | None = None
    """(M, 6), SDXL's time ids of the class images; None when they were not cropped."""
    generated: ClassImages | None = None
    """The class images that the base drew; None when there are none or the user sent them."""
    photo_buckets: tuple[Bucket, ...] = ()
    """The photos by size; empty when all photos have one size and equal repeats."""
    empty_prompt_row: int | None = None
    """The index of the empty prompt in ``prompts``; None when no caption is dropped."""
    text: EncodedPrompts | None = None
    """``prompts`` as the frozen text encoders encode them; None when they are not encoded yet."""

    def buckets(self, side: int) -> tuple[Bucket, ...]:
        """Return the photos by size; without buckets, all photos are ``side`` pixel squares."""
        size, classes = Size(side, side), self.photo_classes
        plain = Bucket(self.photos, self.photo_rows, size, classes=classes)
        return self.photo_buckets or (plain,)

    def images_of_class(self, number: int) -> Sequence[int]:
        """Return the indices of the class images of one class."""
        if self.class_latents is None:
            return ()
        if not self.class_numbers:
            return range(len(self.class_latents))
        return [index for index, own in enumerate(self.class_numbers) if own == number]

    def encode_frozen(self, base: Base) -> EncodedPrompts:
        """Encode every prompt with text encoders that are not trained."""
        if self.text is not None:
            return self.text
        with torch.no_grad():
            if self.generated is not None:
                return self.generated.encode(base, self.prompts)
            return base.encode(self.prompts)


@dataclass(frozen=True)
class Batch:
    """The examples of one forward pass."""

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    rows: Tensor
    """(B,) int64: for each example the index of its prompt; those of ``class_batch`` come last."""
    size: Size | None = None
    """The size of the images in pixels; None for squares of the recipe's resolution."""
    weights: Tensor | None = None
    """(B, 1, H, W), the loss weight of each latent pixel; None when all weights are equal."""
    class_batch: "Batch | None" = None
    """The class images, when their size differs from the photos' size."""
    time_ids: Tensor | None = None
    """(B, 6), SDXL's time ids of each example; None when no image was cropped."""


def draw_batch(recipe: Recipe, examples: Examples, index: int, timestep_count: int) -> Batch:
    """Return the batch with number ``index``; the seed and the number determine it."""
    size, side = recipe.batch_size, recipe.resolution
    buckets = examples.buckets(side)
    number, photos = choose_batch(buckets, index, size, recipe.seed)
    bucket = buckets[number]
    latents, rows = _draw_photos(recipe, examples, bucket, photos, index)
    classes = [bucket.classes[photo] if bucket.classes else 0 for photo in photos]
    class_latents, class_rows, class_ids = _draw_class_images(recipe, examples, index, classes)
    rows += class_rows
    timesteps = draw_timesteps(len(rows), size, timestep_count, recipe.seed, index)
    class_batch = None
    if class_latents and class_latents[0].shape != latents[0].shape:
        stacked = torch.stack(class_latents)
        noise = draw_noise(recipe, stacked.shape, index, "class")
        own = (stacked, noise, timesteps[size:], torch.empty(0), Size(side, side))
        class_batch = Batch(*own, time_ids=class_ids)
        class_latents, class_ids, timesteps = [], class_ids[:0], timesteps[:size]
    stacked = torch.stack(latents + class_latents)
    noise = draw_noise(recipe, stacked.shape, index, "noise")
    weights = _stack_weights(bucket.photos, photos, len(stacked))
    shaped = (stacked, noise, timesteps, torch.tensor(rows), bucket.size, weights, class_batch)
    return Batch(*shaped, time_ids=torch.cat([bucket.time_ids[photos], class_ids]))


def _draw_photos(
    recipe: Recipe, examples: Examples, bucket: Bucket, photos: list[int], index: int
) -> tuple[list[Tensor], list[int]]:
    """Return a latent and a prompt index for each photo of the batch."""
    latents, rows, seed = [], [], recipe.seed
    shape = bucket.photos.mean[0].shape
    for draw, photo in enumerate(photos, start=index * recipe.batch_size):
        posterior = normal(shape, seed, "posterior", draw)
        latents.append(bucket.photos.draw(photo, posterior))
        # "no words" names a random stream: another name would change every training.
        is_dropped = bernoulli(recipe.caption_dropout_rate, seed, "no words", draw)
        empty = examples.empty_prompt_row
        rows.append(empty if is_dropped and empty is not None else bucket.rows[photo])
    return latents, rows


def _draw_class_images(
    recipe: Recipe, examples: Examples, index: int, classes: list[int]
) -> tuple[list[Tensor], list[int], Tensor]:
    """Return the class images' latents, prompt indices and time ids; empty without any.

    Each photo of the batch gets an image of its own subject's class; ``classes`` has their indices.
    """
    side = Size(recipe.resolution, recipe.resolution)
    if examples.class_latents is None:
        return [], [], side.time_ids(1)[:0]
    size, count = recipe.batch_size, len(examples.class_latents)
    images = []
    for draw, number in enumerate(classes, start=index * size):
        own = examples.images_of_class(number)
        # "class" names a random stream: another name would change every training.
        stream = f"class {number}" if number else "class"
        images.append(own[shuffled_index(len(own), draw, recipe.seed, stream)])
    ids = side.time_ids(count) if examples.class_time_ids is None else examples.class_time_ids
    rows = [examples.class_rows[i] for i in images]
    return [examples.class_latents[i] for i in images], rows, ids[images]


def _stack_weights(photos: Latents, chosen: list[int], count: int) -> Tensor | None:
    """Return the loss weights of ``count`` examples; class images, the last, weigh 1 everywhere."""
    if photos.weights is None:
        return None
    own = photos.weights[chosen]
    return torch.cat([own, own.new_ones(count - len(own), *own.shape[1:])])


def draw_noise(recipe: Recipe, shape: torch.Size, index: int, purpose: str) -> Tensor:
    """Return a batch's noise; ``noise_offset`` adds one random value to each whole channel."""
    noise = normal(shape, recipe.seed, purpose, index)
    if recipe.noise_offset:
        per_channel = (*shape[:2], 1, 1)
        offset = normal(per_channel, recipe.seed, f"{purpose}-offset", index)
        noise = noise + recipe.noise_offset * offset
    return noise


def draw_timesteps(count: int, size: int, timestep_count: int, seed: int, index: int) -> Tensor:
    """Return (count,) int64 timesteps, each uniform, spread evenly within ``size`` examples.

    Spreading lowers the variance of a small batch's gradient and does not change its mean.
    """
    # "level" names a random stream: another name would change every training.
    generator = make_generator(seed, "level", index)
    offsets = torch.rand(math.ceil(count / size), generator=generator)
    examples = torch.arange(count)
    spread = (offsets[examples // size] + (examples % size) / size) % 1
    return (spread * timestep_count).long().clamp(max=timestep_count - 1)
