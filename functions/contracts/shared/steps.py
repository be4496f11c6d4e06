"""How many optimiser steps and batches a training has: one rule for every part that needs them.

Estimate, price limit, dry run, trainer, model card and receipt use a StepBudget;
docs/decisions/0019.

step      one optimiser step: ``gradient_accumulation_steps`` batches of every worker.
batch     ``train_batch_size`` photos, and as many class images with prior preservation.
epoch     every trained photo, its folder's repeats times the request's ``repeats``, once at each
          of ``resolutions``.

Epochs count draws of photos. Aspect buckets decide which photos share a batch, but not the number
of batches: no photo is dropped, and the last step of a training is always a whole one.
``users_per_step`` changes nothing here, because every user has its own steps and batches.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.base import TrainingDefaults
from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.documents.training import TaskPhoto, TrainingTask
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_TRAIN_STEPS

MIN_PHOTOS_TO_HOLD_OUT, PHOTOS_PER_HELD_OUT, MAX_HELD_OUT = 6, 5, 4
MIN_CHECKPOINT_STEPS, CHECKPOINTS = 10, 10
"""Writing a checkpoint takes as long as half a step, so a short training saves fewer of them."""

VALIDATION_SUBJECTS, MAX_VALIDATION_PICTURES = 2, 4
"""Validation images of one round: the instance prompt twice, or each subject's once, then the
request's sample prompts."""

GATE_PICTURES = 8
"""Pictures of each subject and of each class that the gate draws."""


@dataclass(frozen=True)
class Dataset:
    """The part of an upload on which the steps depend: its usable photos, in their order."""

    repeats: tuple[int, ...]
    """For each photo, the number of times that it comes in an epoch, from its folder's name."""
    class_photos: int = 0
    """Number of the user's own pictures of the class."""
    subjects: tuple[int, ...] = ()
    """For each photo, the number of its subject; empty: all show the only one."""

    @classmethod
    def of_report(cls, report: PhotoReport) -> "Dataset":
        """Return the dataset that InspectPhotos found, which the trainer gets."""
        return cls._of(report.usable, len(report.class_photos))

    @classmethod
    def of_task(cls, task: TrainingTask) -> "Dataset":
        """Return the dataset of a task, before the trainer itself refuses any photo."""
        return cls._of(task.photos, len(task.class_photos))

    @classmethod
    def _of(
        cls, photos: "Sequence[PhotoVerdict] | Sequence[TaskPhoto]", class_photos: int
    ) -> "Dataset":
        subjects = tuple(photo.subject for photo in photos)
        repeats = tuple(photo.repeats for photo in photos)
        return cls(repeats, class_photos, subjects if any(subjects) else ())

    def only(self, places: Sequence[int]) -> "Dataset":
        """Return the dataset with only these photos, which the trainer did not refuse."""
        repeats = tuple(self.repeats[place] for place in places)
        subjects = tuple(self.subjects[place] for place in places) if self.subjects else ()
        return Dataset(repeats, self.class_photos, subjects)

    @property
    def held_out(self) -> tuple[int, ...]:
        """Places of the photos that are kept from training, of each subject its own."""
        return held_out_among(self.subjects or (0,) * len(self.repeats))


@dataclass(frozen=True)
class StepBudget:
    """How much one task trains, with every default filled in."""

    photos: int
    """Number of usable photos."""
    held_out: int
    """Number of photos that are kept from training, to judge the likeness by."""
    epoch_photos: int
    """Draws of photos in one epoch."""
    steps: int
    batch_size: int
    """Photos in one batch."""
    batches_per_step: int
    """Batches in one step, of all workers together."""
    class_images: int
    """Number of class images of each class prompt; 0: no prior preservation."""
    drawn_class_images: int
    """Number of class images that the base draws, of all class prompts together; the others are
    the user's own."""
    validation_rounds: int
    validation_pictures: int
    """Pictures in one round."""

    @property
    def trained_photos(self) -> int:
        """Number of photos that are trained on."""
        return self.photos - self.held_out

    @property
    def batches(self) -> int:
        """Number of batches that go through the networks, of all workers together."""
        return self.steps * self.batches_per_step

    @property
    def images_per_step(self) -> int:
        """Number of images in one step, class images included."""
        return self.batches_per_step * self.batch_size * (2 if self.class_images else 1)

    @property
    def images(self) -> int:
        """Number of images that go through the networks, class images included."""
        return self.steps * self.images_per_step


NO_STEPS = StepBudget(
    photos=0,
    held_out=0,
    epoch_photos=0,
    steps=0,
    batch_size=1,
    batches_per_step=1,
    class_images=0,
    drawn_class_images=0,
    validation_rounds=0,
    validation_pictures=0,
)
"""The budget of an import: nothing is trained, only the gate draws."""


def count_steps(
    request: TrainingRequest, defaults: TrainingDefaults, dataset: Dataset, workers: int = 1
) -> StepBudget:
    """Return how much a request trains.

    Args:
        request: of one training; a sweep has one for each trial.
        defaults: the base's defaults, for fields that the request leaves out.
        dataset: the usable photos.
        workers: processes that train this task together (``num_processes``).

    >>> request = TrainingRequest(instance_prompt="sks", class_prompt="a", num_train_epochs=100,
    ...     repeats=10, gradient_accumulation_steps=8, with_prior_preservation=False)
    >>> defaults = TrainingDefaults(learning_rate=1e-3, train_batch_size=4, rank=4,
    ...     steps_per_photo=30, min_train_steps=100, max_train_steps=600)
    >>> plan = count_steps(request, defaults, Dataset((1,) * 20))
    >>> plan.trained_photos, plan.epoch_photos, plan.steps, plan.batches, plan.images
    (16, 160, 500, 4000, 16000)
    """
    if request.adapter_file is not None:
        return NO_STEPS
    held_out = dataset.held_out
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
    requested = request.num_class_images if request.with_prior_preservation else 0
    own = dataset.class_photos if request.with_prior_preservation else 0
    pictures = len(validation_subjects(len(request.trigger_words))) + len(request.sample_prompts)
    return StepBudget(
        photos=len(dataset.repeats),
        held_out=len(held_out),
        epoch_photos=epoch_photos,
        steps=steps,
        batch_size=batch_size,
        batches_per_step=batches_per_step,
        class_images=own or requested,
        drawn_class_images=0 if own else requested * len(request.class_prompts),
        validation_rounds=steps // request.validation_steps if request.validation_steps else 0,
        validation_pictures=min(MAX_VALIDATION_PICTURES, pictures),
    )


def default_steps(trained_photos: int, defaults: TrainingDefaults) -> int:
    """Return the base's number of steps for this number of photos.

    >>> default_steps(10, TrainingDefaults(learning_rate=1e-3, train_batch_size=1, rank=4,
    ...     steps_per_photo=30, min_train_steps=100, max_train_steps=250))
    250
    """
    wanted = trained_photos * defaults.steps_per_photo
    return min(max(wanted, defaults.min_train_steps), defaults.max_train_steps)


def held_out_places(photos: int) -> tuple[int, ...]:
    """Return the indices of the photos that are kept from training, spread evenly.

    >>> held_out_places(5), held_out_places(6), held_out_places(10), len(held_out_places(40))
    ((), (5,), (4, 9), 4)
    """
    if photos < MIN_PHOTOS_TO_HOLD_OUT:
        return ()
    count = min(MAX_HELD_OUT, photos // PHOTOS_PER_HELD_OUT)
    stride = photos // count
    return tuple((number + 1) * stride - 1 for number in range(count))


def held_out_among(subjects: Sequence[int]) -> tuple[int, ...]:
    """Return the indices of the photos that are kept from training, of each subject its own.

    Args:
        subjects: for each photo, the number of its subject.

    >>> held_out_among([0] * 6), held_out_among([0, 1] * 6), held_out_among([0] * 5 + [1] * 6)
    ((5,), (10, 11), (10,))
    """
    kept: list[int] = []
    for subject in sorted(set(subjects)):
        own = [place for place, shown in enumerate(subjects) if shown == subject]
        kept += [own[place] for place in held_out_places(len(own))]
    return tuple(sorted(kept))


def validation_subjects(subjects: int) -> tuple[int, ...]:
    """Return the subjects whose instance prompts are drawn in a round of validation images.

    >>> validation_subjects(1), validation_subjects(2), validation_subjects(3)
    ((0, 0), (0, 1), (0, 1, 2))
    """
    return tuple(place % subjects for place in range(max(VALIDATION_SUBJECTS, subjects)))


def gate_pictures(request: TrainingRequest) -> int:
    """Return how many pictures the gate draws of a request, each without and with the adapter.

    >>> request = TrainingRequest(instance_prompt="sks", class_prompt="a")
    >>> gate_pictures(request)
    32
    >>> gate_pictures(request.model_copy(update={"sample_prompts": ("sks in Rome", "sks at sea")}))
    36
    """
    prompts = len(request.trigger_words) + len(request.class_prompts)
    return 2 * (GATE_PICTURES * prompts + len(request.sample_prompts))


def checkpoint_every(steps: int, requested: int | None) -> int:
    """Return the steps between two checkpoints: as requested, or a tenth of all steps.

    >>> checkpoint_every(1000, None), checkpoint_every(40, None), checkpoint_every(1000, 3)
    (100, 10, 3)
    """
    return requested or max(MIN_CHECKPOINT_STEPS, steps // CHECKPOINTS)
