"""The recipe of a training: every number that the request or the base decides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from contracts.base import BaseCard, TrainingDefaults
from contracts.documents.training import TrainingPlan, TrainingTask
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.layout.container import PLAN_CHANNEL, PLAN_FILE
from contracts.shared.steps import Dataset, StepBudget, checkpoint_every, count_steps
from contracts.shared.weights.families import FAMILIES
from contracts.shared.weights.lora_names import is_of_text
from contracts.shared.words.prompts import name_subject
from trainer.process.results import TrainingError

WARM_UP_SHARE = 0.05

MIN_SNR_GAMMA = 5.0
"""The gamma that the authors of Min-SNR weights advise."""


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


class RecipeSubject(NamedTuple):
    """What one subject of a training is called."""

    trigger_word: str
    instance_prompt: str
    """Names the subject by its trigger word."""
    class_prompt: str


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
    subjects: tuple[RecipeSubject, ...]
    """At least one."""
    class_images: int
    """The number of class images of each class prompt; 0 without prior preservation."""
    prior_loss_weight: float
    snr_gamma: float = MIN_SNR_GAMMA
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
    adapter_type: str = "lora"
    """``lora``, or ``lokr``: a Kronecker product."""
    decompose_factor: int = 8
    """The side of LoKr's first matrix."""
    use_dora: bool = False
    use_rslora: bool = False
    loraplus_lr_ratio: float | None = None
    """The learning rate of the B matrices divided by that of the A matrices; None for 1."""
    use_ema: bool = False
    ema_decay: float = 0.9999

    @property
    def instance_prompt(self) -> str:
        """The first subject's prompt."""
        return self.subjects[0].instance_prompt

    @property
    def class_prompt(self) -> str:
        """The first subject's class."""
        return self.subjects[0].class_prompt

    @property
    def trigger_word(self) -> str:
        """The first subject's trigger word."""
        return self.subjects[0].trigger_word

    @property
    def trigger_words(self) -> tuple[str, ...]:
        """The trigger word of every subject."""
        return tuple(subject.trigger_word for subject in self.subjects)

    @property
    def class_prompts(self) -> tuple[str, ...]:
        """Every class prompt once, in the order of the subjects."""
        return tuple(dict.fromkeys(subject.class_prompt for subject in self.subjects))

    def class_of(self, subject: int) -> int:
        """Return the index in ``class_prompts`` of a subject's class."""
        return self.class_prompts.index(self.subjects[subject].class_prompt)

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
        """Return the steps between two checkpoints."""
        return checkpoint_every(self.steps, self.checkpointing_steps)

    def rank_of(self, network: str) -> int:
        """Return the rank of a network's adapter."""
        return self.text_encoder_rank or self.rank if is_of_text(network) else self.rank

    def alpha_of(self, network: str) -> float:
        """Return the alpha of a network's adapter; the adapter is scaled by alpha / rank.

        rsLoRA scales by alpha / sqrt(rank): that is a larger alpha, so every file can carry it.
        """
        rank = self.rank_of(network)
        alpha = self.alpha * rank / self.rank
        if is_of_text(network) and self.text_encoder_alpha is not None:
            alpha = self.text_encoder_alpha
        return alpha * math.sqrt(rank) if self.use_rslora else alpha


def plan_task(
    task: TrainingTask, card: BaseCard, accepted: Sequence[int], workers: int = 1
) -> StepBudget:
    """Return how much is trained on the photos that the trainer accepted.

    Args:
        task: the task with its request.
        card: the base's card with its defaults.
        accepted: the indices of the accepted photos, in the order of the task.
        workers: the number of processes that train together.
    """
    positions = {photo.index: position for position, photo in enumerate(task.photos)}
    dataset = Dataset.of_task(task).only([positions[index] for index in accepted])
    return count_steps(task.request, card.training, dataset, workers)


def make_recipe(task: TrainingTask, card: BaseCard, plan: StepBudget) -> Recipe:
    """Return the recipe: the request's options, and the base's defaults for the others.

    Args:
        task: the task with its request.
        card: the base's card with its defaults.
        plan: how much is trained, on the accepted photos.
    """
    request, defaults = task.request, card.training
    rank = request.rank or defaults.rank
    return Recipe(
        job_id=task.job_id,
        seed=request.seed,
        resolution=request.resolution or card.resolution,
        steps=plan.steps,
        batch_size=plan.batch_size,
        rank=rank,
        alpha=request.lora_alpha or float(rank),
        learning_rate=resolve_learning_rate(request, defaults),
        text_encoder_lr=resolve_text_encoder_lr(request, defaults),
        target_modules=request.target_modules or defaults.target_modules,
        subjects=tuple(
            RecipeSubject(
                one.trigger_word,
                name_subject(one.instance_prompt, one.trigger_word),
                one.class_prompt,
            )
            for one in request.of_each()
        ),
        class_images=plan.class_images,
        prior_loss_weight=resolve_prior_loss_weight(request, defaults),
        snr_gamma=resolve_snr_gamma(request, card),
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
    "adapter_type",
    "decompose_factor",
    "use_dora",
    "use_rslora",
    "loraplus_lr_ratio",
    "use_ema",
    "ema_decay",
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


def resolve_snr_gamma(request: TrainingRequest, card: BaseCard) -> float:
    """Return the gamma of the Min-SNR weights; flow matching has none."""
    if FAMILIES[card.family].is_flow:
        return 0.0
    return MIN_SNR_GAMMA if request.snr_gamma is None else request.snr_gamma


def warm_cosine(recipe: Recipe, step: int) -> float:
    """Return the factor of a linear warm-up and a cosine decay to zero; ``step`` counts from 0."""
    warmth = min(1.0, (step + 1) / max(1, recipe.warm_up_steps))
    return warmth * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
