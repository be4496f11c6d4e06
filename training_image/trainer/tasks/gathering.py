"""The examples that a task learns from: its photos and its class images, captioned and encoded."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from contracts.documents.class_images import ClassImageOrder
from contracts.documents.training import TrainingTask
from trainer.config.recipe import Recipe
from trainer.evaluation.judge import Judge
from trainer.examples.batches import Examples
from trainer.examples.class_images import (
    ClassImagePaths,
    ClassImages,
    joined,
    load_or_generate,
    prompt_variants,
)
from trainer.examples.own_class_images import encode_class_photos, read_class_photos
from trainer.examples.sizes import Dataset, encode_sizes
from trainer.photos.photos import Photo, encode_photos
from trainer.process.results import TrainingError, log
from trainer.tasks.shared import Job


def gather_examples(job: Job, task: TrainingTask, recipe: Recipe, photos: list[Photo]) -> Examples:
    """Encode the photos, and load or generate the class images."""
    captions = [caption_with_circumstances(photo, job.judge) for photo in photos]
    own = gather_class(job, task, recipe)
    no_words = [""] if recipe.caption_dropout_rate else []
    prompts = list(dict.fromkeys(captions + own.captions + no_words))
    rows = [prompts.index(caption) for caption in captions]
    photo_buckets = encode_sizes(job.base, recipe, Dataset(task, photos, rows))
    examples = Examples(
        photos=photo_buckets[0].photos if photo_buckets else encode_photos(job.base, photos),
        prompts=prompts,
        photo_rows=rows,
        photo_buckets=photo_buckets,
        class_latents=own.latents,
        class_rows=[prompts.index(caption) for caption in own.captions],
        class_time_ids=own.time_ids,
        generated=own.generated,
        class_numbers=own.numbers,
        photo_classes=[recipe.class_of(photo.subject) for photo in photos],
        empty_prompt_row=prompts.index("") if no_words else None,
    )
    if recipe.text_encoder_lr is not None:
        return examples
    return replace(examples, text=examples.encode_frozen(job.base))


@dataclass(frozen=True)
class ClassExamples:
    """The class images of a task, encoded; all empty without prior preservation."""

    latents: Tensor | None = None
    """(M, C, H, W), scaled."""
    captions: list[str] = field(default_factory=list)
    time_ids: Tensor | None = None
    """(M, 6), SDXL's time ids; None when no image was cropped."""
    generated: ClassImages | None = None
    """The sets that the base drew, as one; None for the user's own class images."""
    numbers: list[int] = field(default_factory=list)
    """For each image, the index of its class; empty: there is one class."""


def gather_class(job: Job, task: TrainingTask, recipe: Recipe) -> ClassExamples:
    """Return the class images of a task.

    The user's own class images are used if there are any. Otherwise the base generates a set for
    each class prompt.

    Raises:
        TrainingError: ``plan_invalid``; own class images do not say which of the classes they show.
    """
    if recipe.class_images == 0:
        return ClassExamples()
    if task.class_photos and len(recipe.class_prompts) > 1:
        raise TrainingError("plan_invalid", "own class images belong to one class prompt")
    if task.class_photos:
        photos = read_class_photos(job.root, task.class_photos, recipe.resolution)
        images = [photo.image for photo in photos]
        circumstances = ["" if job.judge is None else job.judge.describe(image) for image in images]
        captions = [
            f"{recipe.class_prompt}, {w}" if w else recipe.class_prompt for w in circumstances
        ]
        log(f"class images: {len(images)} of the user's own")
        latents = encode_class_photos(job.base, recipe, images)
        ids = torch.tensor([photo.time_ids for photo in photos])
        return ClassExamples(latents, captions, ids)
    sets = [draw_class(job, recipe, prompt) for prompt in recipe.class_prompts]
    count = range(recipe.class_images)
    captions = [one.prompts[i % len(one.prompts)] for one in sets for i in count]
    numbers = [number for number in range(len(sets)) for _ in count]
    generated = joined(sets)
    return ClassExamples(generated.latents, captions, None, generated, numbers)


def draw_class(job: Job, recipe: Recipe, class_prompt: str) -> ClassImages:
    """Return the class images of one class prompt, which the base draws."""
    order = ClassImageOrder(
        class_prompt=class_prompt, resolution=recipe.resolution, count=recipe.class_images
    )
    prompts, paths = prompt_variants(class_prompt, job.judge), ClassImagePaths.of(job.root)
    return load_or_generate(job.base, order, prompts, paths, job.limit)


def caption_with_circumstances(photo: Photo, judge: Judge | None) -> str:
    """Return a photo's caption; the judge adds the circumstances if the user wrote no caption.

    What a caption names is not learnt as part of the trigger word.
    """
    circumstances = "" if judge is None or photo.has_own_caption else judge.describe(photo.image)
    return f"{photo.caption}, {circumstances}" if circumstances else photo.caption
