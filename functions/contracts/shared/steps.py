"""How many optimiser steps and batches a training has: one rule for all who say a number of them.

Estimate, price limit, dry run, trainer, model card and bill read a StepPlan; docs/decisions/0019.

step      one move of the optimiser: ``gradient_accumulation_steps`` batches of every worker.
batch     ``train_batch_size`` photos, and as many class images where there is prior preservation.
epoch     every trained photo, as often as its folder's repeats times the request's ``repeats``
          say, once at each of ``resolutions``.

Epochs count draws of photos. Aspect buckets decide which photos share a batch, not how many
batches there are: no photo is dropped, and the last step of a training is always a whole one.
``users_per_step`` changes nothing here, since every user keeps steps and batches of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.base import TrainingDefaults
from contracts.documents.photos import PhotoReport
from contracts.documents.training import TrainingTask
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_TRAIN_STEPS

MIN_PHOTOS_TO_HOLD_OUT, PHOTOS_PER_HELD_OUT, MAX_HELD_OUT = 6, 5, 4
MIN_CHECKPOINT_STEPS, CHECKPOINTS = 10, 10
"""Writing a state takes as long as half a step, so a short training saves fewer of them."""

VALIDATION_SUBJECTS, MAX_VALIDATION_PICTURES = 2, 4
"""Pictures of one round on the way: the instance prompt twice, then the request's own prompts."""


@dataclass(frozen=True)
class Dataset:
    """What the steps depend on of an upload: its photos that can be used, in their order."""

    repeats: tuple[int, ...]
    """For each photo, how often its folder says that it comes in an epoch."""
    class_photos: int = 0
    """The user's own pictures of the class."""

    @classmethod
    def of_report(cls, report: PhotoReport) -> "Dataset":
        """Return what InspectPhotos found: the trainer sees these photos."""
        return cls(tuple(photo.repeats for photo in report.usable), len(report.class_photos))

    @classmethod
    def of_task(cls, task: TrainingTask) -> "Dataset":
        """Return what a task brings, before the trainer itself refuses any photo."""
        return cls(tuple(photo.repeats for photo in task.photos), len(task.class_photos))

    def only(self, places: Sequence[int]) -> "Dataset":
        """Return the photos at these places: those that the trainer did not refuse."""
        return Dataset(tuple(self.repeats[place] for place in places), self.class_photos)


@dataclass(frozen=True)
class StepPlan:
    """How much one task trains, every number settled."""

    photos: int
    """That can be used."""
    held_out: int
    """Of these, kept from training to judge the likeness by."""
    epoch_photos: int
    """Draws of photos in one epoch."""
    steps: int
    batch_size: int
    """Photos in one batch."""
    batches_per_step: int
    """Of all workers together."""
    class_images: int
    """0: no prior preservation."""
    drawn_class_images: int
    """Of these, drawn by the base; the others are the user's own."""
    validation_rounds: int
    validation_pictures: int
    """Of one round."""

    @property
    def trained_photos(self) -> int:
        """Return how many photos are trained on."""
        return self.photos - self.held_out

    @property
    def batches(self) -> int:
        """Return how many batches go through the networks, of all workers together."""
        return self.steps * self.batches_per_step

    @property
    def images_per_step(self) -> int:
        """Return how many images one step is made of, class images included."""
        return self.batches_per_step * self.batch_size * (2 if self.class_images else 1)

    @property
    def images(self) -> int:
        """Return how many images go through the networks, class images included."""
        return self.steps * self.images_per_step


def plan_steps(
    request: TrainingRequest, defaults: TrainingDefaults, dataset: Dataset, workers: int = 1
) -> StepPlan:
    """Return how much a request trains.

    Args:
        request: of one training; a sweep has one for each point.
        defaults: the base's own, for what the request leaves open.
        dataset: the photos that can be used.
        workers: processes that train this task together (``num_processes``).

    >>> request = TrainingRequest(instance_prompt="sks", class_prompt="a", num_train_epochs=100,
    ...     repeats=10, gradient_accumulation_steps=8, with_prior_preservation=False)
    >>> defaults = TrainingDefaults(learning_rate=1e-3, train_batch_size=4, rank=4,
    ...     steps_per_photo=30, min_train_steps=100, max_train_steps=600)
    >>> plan = plan_steps(request, defaults, Dataset((1,) * 20))
    >>> plan.trained_photos, plan.epoch_photos, plan.steps, plan.batches, plan.images
    (16, 160, 500, 4000, 16000)
    """
    held_out = held_out_places(len(dataset.repeats))
    trained = [often for place, often in enumerate(dataset.repeats) if place not in held_out]
    epoch_photos = max(1, len(request.resolutions)) * request.repeats * sum(trained)
    batch_size = request.train_batch_size or defaults.train_batch_size
    batches_per_step = request.gradient_accumulation_steps * workers
    steps = request.max_train_steps
    if steps is None and request.num_train_epochs is not None:
        draws = epoch_photos * request.num_train_epochs
        steps = min(MAX_TRAIN_STEPS, max(1, math.ceil(draws / (batch_size * batches_per_step))))
    if steps is None:
        steps = default_steps(len(trained), defaults)
    wished = request.num_class_images if request.with_prior_preservation else 0
    own = dataset.class_photos if request.with_prior_preservation else 0
    pictures = VALIDATION_SUBJECTS + len(request.sample_prompts)
    return StepPlan(
        photos=len(dataset.repeats),
        held_out=len(held_out),
        epoch_photos=epoch_photos,
        steps=steps,
        batch_size=batch_size,
        batches_per_step=batches_per_step,
        class_images=own or wished,
        drawn_class_images=0 if own else wished,
        validation_rounds=steps // request.validation_steps if request.validation_steps else 0,
        validation_pictures=min(MAX_VALIDATION_PICTURES, pictures),
    )


def default_steps(trained_photos: int, defaults: TrainingDefaults) -> int:
    """Return the steps that a base gives so many photos, where the request names none.

    >>> default_steps(10, TrainingDefaults(learning_rate=1e-3, train_batch_size=1, rank=4,
    ...     steps_per_photo=30, min_train_steps=100, max_train_steps=250))
    250
    """
    wanted = trained_photos * defaults.steps_per_photo
    return min(max(wanted, defaults.min_train_steps), defaults.max_train_steps)


def held_out_places(photos: int) -> tuple[int, ...]:
    """Return which of so many photos are kept from training, spread evenly over them.

    >>> held_out_places(5), held_out_places(6), held_out_places(10), len(held_out_places(40))
    ((), (5,), (4, 9), 4)
    """
    if photos < MIN_PHOTOS_TO_HOLD_OUT:
        return ()
    count = min(MAX_HELD_OUT, photos // PHOTOS_PER_HELD_OUT)
    stride = photos // count
    return tuple((number + 1) * stride - 1 for number in range(count))


def checkpoint_every(steps: int, wished: int | None) -> int:
    """Return the steps between two saved states: as wished, or a tenth of all.

    >>> checkpoint_every(1000, None), checkpoint_every(40, None), checkpoint_every(1000, 3)
    (100, 10, 3)
    """
    return wished or max(MIN_CHECKPOINT_STEPS, steps // CHECKPOINTS)
