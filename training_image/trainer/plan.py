"""What a request and a base mean together: every number that training needs, none left open."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.base import BaseCard, TrainingDefaults
from contracts.layout import PLAN_CHANNEL, PLAN_FILE
from contracts.request import TRIGGER_PLACEHOLDERS, TrainingRequest
from contracts.training import TrainingPlan, TrainingTask
from trainer.outcome import TrainingError

HELD_OUT_FROM, PHOTOS_PER_HELD_OUT = 6, 5
WARM_UP_SHARE = 0.05


def read_plan(root: Path) -> TrainingPlan:
    """Read ``plan.json`` from its channel.

    Raises:
        TrainingError: it is missing or not a TrainingPlan; the reason names fields, not values.
    """
    path = root / "input" / "data" / PLAN_CHANNEL / PLAN_FILE
    try:
        return TrainingPlan.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise TrainingError("plan_invalid", "the plan channel has no plan.json") from error
    except ValidationError as error:
        fields = sorted({".".join(map(str, e["loc"])) for e in error.errors()})
        raise TrainingError("plan_invalid", f"check the fields {', '.join(fields)}") from error


@dataclass(frozen=True)
class Recipe:
    """One task's training, complete."""

    job_id: str
    seed: int
    resolution: int
    steps: int
    batch_size: int
    rank: int
    alpha: float
    learning_rate: float
    text_encoder_lr: float | None
    """Absent: the text encoders stay frozen."""
    target_modules: tuple[str, ...]
    instance_prompt: str
    class_prompt: str
    trigger_word: str
    class_images: int
    """0: no prior preservation."""
    prior_loss_weight: float
    snr_gamma: float = 5.0
    max_grad_norm: float = 1.0

    @property
    def warm_up_steps(self) -> int:
        """Steps until the learning rate is at its peak."""
        return round(WARM_UP_SHARE * self.steps)

    @property
    def checkpoint_every(self) -> int:
        """Steps between two saved states: at most a tenth of the work is lost."""
        return max(1, self.steps // 10)


def make_recipe(task: TrainingTask, card: BaseCard, photos: int) -> Recipe:
    """Settle what the request leaves open with the base's own defaults.

    ``photos`` is how many are trained on; the held-out ones do not count.
    """
    request, defaults = task.request, card.training
    rank = request.rank or defaults.rank
    rate = request.learning_rate or defaults.learning_rate
    text_rate = request.text_encoder_lr or defaults.text_encoder_lr or rate
    trains_text = request.train_text_encoder
    if trains_text is None:
        trains_text = request.text_encoder_lr is not None or defaults.train_text_encoder
    return Recipe(
        job_id=task.job_id,
        seed=request.seed,
        resolution=request.resolution or card.resolution,
        steps=request.max_train_steps or choose_steps(photos, defaults),
        batch_size=request.train_batch_size or defaults.train_batch_size,
        rank=rank,
        alpha=request.lora_alpha or float(rank),
        learning_rate=rate,
        text_encoder_lr=text_rate if trains_text else None,
        target_modules=defaults.target_modules,
        instance_prompt=name_subject(request.instance_prompt, request),
        class_prompt=request.class_prompt,
        trigger_word=request.trigger_word,
        class_images=request.num_class_images if request.with_prior_preservation else 0,
        prior_loss_weight=request.prior_loss_weight,
    )


def choose_steps(photos: int, defaults: TrainingDefaults) -> int:
    """Return how many optimiser steps this many photos deserve.

    >>> choose_steps(10, TrainingDefaults(learning_rate=1e-3, train_batch_size=1, rank=4,
    ...     steps_per_photo=30, min_train_steps=100, max_train_steps=250))
    250
    """
    wanted = photos * defaults.steps_per_photo
    return min(max(wanted, defaults.min_train_steps), defaults.max_train_steps)


def count_held_out(photos: int) -> int:
    """Return how many photos are kept from training, to judge the likeness by.

    >>> count_held_out(5), count_held_out(6), count_held_out(10), count_held_out(40)
    (0, 1, 2, 4)
    """
    return min(4, photos // PHOTOS_PER_HELD_OUT) if photos >= HELD_OUT_FROM else 0


def caption_of(caption: str | None, request: TrainingRequest) -> str:
    """Return what a photo is trained under: its own caption, which must name the subject."""
    prompt = name_subject(request.instance_prompt, request)
    if caption is None:
        return prompt
    own = name_subject(caption, request)
    return own if request.trigger_word.lower() in own.lower().split() else f"{prompt}, {own}"


def name_subject(prompt: str, request: TrainingRequest) -> str:
    """Replace the placeholders for the subject by the trigger word; words that hold one stay."""
    for placeholder in TRIGGER_PLACEHOLDERS:
        pattern = rf"(?<!\w){re.escape(placeholder)}(?!\w)"
        prompt = re.sub(pattern, request.trigger_word, prompt)
    return prompt
