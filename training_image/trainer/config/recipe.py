"""The recipe of a training: every number that the request or the base decides."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.base import BaseCard, TrainingDefaults
from contracts.documents.training import TrainingPlan, TrainingTask
from contracts.documents.upload.request import TRIGGER_PLACEHOLDERS, TrainingRequest
from contracts.shared.layout import PLAN_CHANNEL, PLAN_FILE
from trainer.process.results import TrainingError

HELD_OUT_FROM, PHOTOS_PER_HELD_OUT = 6, 5
WARM_UP_SHARE = 0.05
MAX_STEPS = 20_000
"""The limit for steps that are computed from epochs."""


def read_plan(root: Path) -> TrainingPlan:
    """Read ``plan.json`` from the plan channel.

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


MIN_STEPS_BETWEEN_CHECKPOINTS = 10
"""The default in steps. Saving a checkpoint takes as long as half a step."""


@dataclass(frozen=True)
class Recipe:
    """All numbers of one task's training."""

    job_id: str
    seed: int
    resolution: int
    steps: int
    batch_size: int
    rank: int
    alpha: float
    learning_rate: float
    text_encoder_lr: float | None
    """None when the text encoders are frozen."""
    target_modules: tuple[str, ...]
    instance_prompt: str
    class_prompt: str
    trigger_word: str
    class_images: int
    """The number of class images; 0 without prior preservation."""
    prior_loss_weight: float
    snr_gamma: float = 5.0
    """The gamma of the Min-SNR weights; 0 for no weights."""
    max_grad_norm: float = 1.0
    text_encoder_rank: int | None = None
    text_encoder_alpha: float | None = None
    """None for the same ratio of alpha to rank as in the UNet."""
    lora_dropout: float = 0.0
    gradient_accumulation_steps: int = 1
    gradient_checkpointing: bool = False
    mixed_precision: str | None = None
    """None for the precision of the machine."""
    optimizer: str = "adamw"
    use_8bit_adam: bool = False
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    weight_decay: float = 1e-4
    lr_scheduler: str | None = None
    lr_warmup_steps: int | None = None
    lr_num_cycles: int = 1
    lr_power: float = 1.0
    noise_offset: float = 0.0
    checkpointing_steps: int | None = None
    validation_steps: int | None = None
    """The steps between two sets of validation images; None to draw none."""
    enable_bucket: bool = False
    resolutions: tuple[int, ...] = ()
    caption_dropout_rate: float = 0.0

    @property
    def examples_per_batch(self) -> int:
        """The photos and class images of one batch."""
        return self.batch_size * (2 if self.class_images else 1)

    @property
    def warm_up_steps(self) -> int:
        """The steps until the learning rate reaches its peak."""
        if self.lr_warmup_steps is not None:
            return self.lr_warmup_steps
        return 0 if self.lr_scheduler == "constant" else round(WARM_UP_SHARE * self.steps)

    @property
    def checkpoint_every(self) -> int:
        """The steps between two checkpoints; a tenth of all steps by default."""
        return self.checkpointing_steps or max(MIN_STEPS_BETWEEN_CHECKPOINTS, self.steps // 10)

    def rank_of(self, network: str) -> int:
        """Return the rank of a network's adapter."""
        return self.rank if network == "unet" else self.text_encoder_rank or self.rank

    def alpha_of(self, network: str) -> float:
        """Return the alpha of a network's adapter; the adapter is scaled by alpha / rank."""
        if network != "unet" and self.text_encoder_alpha is not None:
            return self.text_encoder_alpha
        return self.alpha * self.rank_of(network) / self.rank


def make_recipe(
    task: TrainingTask, card: BaseCard, photos: int, photos_per_epoch: int | None = None
) -> Recipe:
    """Return the recipe: the request's options, and the base's defaults for the others.

    Args:
        task: the task with its request.
        card: the base's card with its defaults.
        photos: the number of photos to train on, without the held-out ones.
        photos_per_epoch: the same number with each photo counted once for each repeat.
    """
    request, defaults = task.request, card.training
    rank = request.rank or defaults.rank
    return Recipe(
        job_id=task.job_id,
        seed=request.seed,
        resolution=request.resolution or card.resolution,
        steps=resolve_steps(request, defaults, photos, photos_per_epoch or photos),
        batch_size=request.train_batch_size or defaults.train_batch_size,
        rank=rank,
        alpha=request.lora_alpha or float(rank),
        learning_rate=resolve_learning_rate(request, defaults),
        text_encoder_lr=resolve_text_encoder_lr(request, defaults),
        target_modules=request.target_modules or defaults.target_modules,
        instance_prompt=name_subject(request.instance_prompt, request),
        class_prompt=request.class_prompt,
        trigger_word=request.trigger_word,
        class_images=count_class_images(task),
        prior_loss_weight=resolve_prior_loss_weight(request, defaults),
        snr_gamma=5.0 if request.snr_gamma is None else request.snr_gamma,
        weight_decay=request.adam_weight_decay,
        gradient_checkpointing=bool(request.gradient_checkpointing),
        **{name: getattr(request, name) for name in AS_REQUESTED},
    )


AS_REQUESTED = (
    "max_grad_norm",
    "text_encoder_rank",
    "text_encoder_alpha",
    "lora_dropout",
    "gradient_accumulation_steps",
    "mixed_precision",
    "optimizer",
    "use_8bit_adam",
    "adam_beta1",
    "adam_beta2",
    "lr_scheduler",
    "lr_warmup_steps",
    "lr_num_cycles",
    "lr_power",
    "noise_offset",
    "checkpointing_steps",
    "validation_steps",
    "enable_bucket",
    "resolutions",
    "caption_dropout_rate",
)
"""Options that a request and a recipe have under the same name."""


def resolve_learning_rate(request: TrainingRequest, defaults: TrainingDefaults) -> float:
    """Return the UNet's peak learning rate; prodigy finds its own and takes a factor of 1."""
    if request.learning_rate is not None:
        return request.learning_rate
    return 1.0 if request.optimizer == "prodigy" else defaults.learning_rate


def resolve_text_encoder_lr(request: TrainingRequest, defaults: TrainingDefaults) -> float | None:
    """Return the text encoders' peak learning rate; None when they are frozen."""
    trains = request.train_text_encoder
    if trains is None:
        options = (request.text_encoder_lr, request.text_encoder_rank, request.text_encoder_alpha)
        trains = any(requested is not None for requested in options) or defaults.train_text_encoder
    if not trains:
        return None
    rate = resolve_learning_rate(request, defaults)
    if request.optimizer == "prodigy":  # prodigy has one rate for all networks
        return rate
    return request.text_encoder_lr or defaults.text_encoder_lr or rate


def resolve_prior_loss_weight(request: TrainingRequest, defaults: TrainingDefaults) -> float:
    """Return the weight of the class images in the loss."""
    requested = request.prior_loss_weight
    return defaults.prior_loss_weight if requested is None else requested


def resolve_steps(
    request: TrainingRequest, defaults: TrainingDefaults, photos: int, photos_per_epoch: int
) -> int:
    """Return the number of optimizer steps: as requested, from epochs, or from the photos."""
    if request.max_train_steps is not None:
        return request.max_train_steps
    if request.num_train_epochs is None:
        return choose_steps(photos, defaults)
    batch = request.train_batch_size or defaults.train_batch_size
    in_a_step = batch * request.gradient_accumulation_steps
    return min(MAX_STEPS, math.ceil(photos_per_epoch * request.num_train_epochs / in_a_step))


def count_class_images(task: TrainingTask) -> int:
    """Return the number of class images: the user's own ones, if there are any."""
    if not task.request.with_prior_preservation:
        return 0
    return len(task.class_photos) or task.request.num_class_images


def choose_steps(photos: int, defaults: TrainingDefaults) -> int:
    """Return the default number of optimizer steps for a number of photos.

    >>> choose_steps(10, TrainingDefaults(learning_rate=1e-3, train_batch_size=1, rank=4,
    ...     steps_per_photo=30, min_train_steps=100, max_train_steps=250))
    250
    """
    wanted = photos * defaults.steps_per_photo
    return min(max(wanted, defaults.min_train_steps), defaults.max_train_steps)


def count_held_out(photos: int) -> int:
    """Return how many photos are held out from training to measure likeness with.

    >>> count_held_out(5), count_held_out(6), count_held_out(10), count_held_out(40)
    (0, 1, 2, 4)
    """
    return min(4, photos // PHOTOS_PER_HELD_OUT) if photos >= HELD_OUT_FROM else 0


def caption_of(caption: str | None, request: TrainingRequest) -> str:
    """Return a photo's caption for training: the user's caption, which must name the subject."""
    prompt = name_subject(request.instance_prompt, request)
    if caption is None:
        return prompt
    own = name_subject(caption, request)
    named = re.search(rf"(?<!\w){request.trigger_word}(?!\w)", own, re.IGNORECASE)
    return own if named else f"{prompt}, {own}"


def name_subject(prompt: str, request: TrainingRequest) -> str:
    """Replace the placeholders for the subject by the trigger word.

    A placeholder inside a longer word stays.
    """
    for placeholder in TRIGGER_PLACEHOLDERS:
        pattern = rf"(?<!\w){re.escape(placeholder)}(?!\w)"
        prompt = re.sub(pattern, request.trigger_word, prompt)
    return prompt
