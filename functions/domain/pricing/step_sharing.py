"""How many users' adapters are trained in one step: memory, gain and whose steps are alike.

A step of K users reads the base once and launches its kernels once. It gains where a step of one
user is too small for the GPU, and nothing where it is not (docs/training.md). The memory model is a
sum: the base's weights, and for each user the adapter with its optimizer state, the activations of
its batch and its class images. Decision 0029 says where each figure comes from. The trainer halves
a group that does not fit, so a figure that is too low costs time but no result.
"""

import hashlib
import json
from dataclasses import dataclass

from contracts.base import Architecture, BaseCard
from contracts.documents.capacity import StepShape
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.instances.accelerators import INSTANCES, Gpu
from contracts.shared.steps import Dataset, StepBudget, count_steps
from domain.pricing.estimating import pass_tflop

GIB = 2**30
MIN_GAIN = 1.15
"""Smallest speed-up for which users share a step: below it, they only wait for one another."""

NEARLY_ALL = 0.95
"""Share of the best speed-up with which a smaller group is taken instead of a larger one."""

USABLE_MEMORY = 0.9
"""Share of the GPU's memory that is planned with: the allocator's fragments take the rest."""

CONTEXT_BYTES = round(1.5 * GIB)
"""CUDA's context and cuDNN's workspaces."""

STATE_BYTES = 16
"""Bytes of an adapter's weight: float32 weight, gradient and AdamW's two moments."""

SHARE_OF_PEAK_WHEN_FULL = 0.4
"""Share of the GPU's peak that a step reaches when it is large enough (decision 0029)."""


@dataclass(frozen=True)
class Footprint:
    """An architecture's memory and time in bfloat16."""

    weights_bytes: int
    """All networks."""
    rank_weights: int
    """Adapter weights for each rank, in the default target modules of the UNet."""
    activation_bytes: int
    """Activations that one image's backward pass needs, at ``side``."""
    checkpointed_bytes: int
    """The same with gradient checkpointing."""
    side: int
    launch_seconds: float
    """Time to launch the kernels of one step from Python, whatever their size."""
    latent_channels: int = 4


_SD = Footprint(
    weights_bytes=round(2.6e9),
    rank_weights=207_000,
    activation_bytes=round(0.76 * GIB),
    checkpointed_bytes=round(0.14 * GIB),
    side=512,
    launch_seconds=0.04,
)
FOOTPRINTS: dict[Architecture, Footprint] = {
    "sd1": _SD,
    "sd2": _SD,
    "sdxl": Footprint(
        weights_bytes=round(7.0e9),
        rank_weights=1_453_000,
        activation_bytes=round(5.3 * GIB),
        checkpointed_bytes=round(0.46 * GIB),
        side=1024,
        launch_seconds=0.12,
    ),
    "zimage": Footprint(
        weights_bytes=round(20.7e9),
        rank_weights=1_045_000,
        activation_bytes=round(29.6 * GIB),
        checkpointed_bytes=round(1.0 * GIB),
        side=1024,
        launch_seconds=0.12,
        latent_channels=16,
    ),
}

FEED_FORWARD = 2
"""Factor of the adapter's size when the feed-forward layers get one too (1.8, rounded up)."""

FLOAT32 = 2
"""Factor of weights and activations without mixed precision."""

LATENT_BYTES = 2 * 4
"""Bytes of one channel of a latent position: mean and deviation in float32."""

LATENT_SIDE = 8
"""Pixels along the side of one latent position."""

ALIKE = (
    "max_grad_norm",
    "mixed_precision",
    "snr_gamma",
    "adam_beta1",
    "adam_beta2",
    "adam_weight_decay",
    "lr_scheduler",
    "lr_warmup_steps",
    "lr_num_cycles",
    "lr_power",
    "noise_offset",
    "caption_dropout_rate",
    "loraplus_lr_ratio",
)
"""Options of a request that all users of one step have in common. Seeds, photos, prompts, alpha and
the weight of class images may differ."""


def shape_of(request: TrainingRequest, dataset: Dataset, card: BaseCard) -> StepShape:
    """Return what one step of a training takes."""
    budget = count_steps(request, card.training, dataset)
    side = request.resolution or card.resolution
    return StepShape(
        group=group_of(request, card, budget),
        tflop=rows_of(budget) * pass_tflop(card, side),
        base_bytes=CONTEXT_BYTES + FOOTPRINTS[card.family].weights_bytes * precision_of(request),
        user_bytes=user_bytes(request, card, budget),
        launch_seconds=FOOTPRINTS[card.family].launch_seconds,
    )


def rows_of(budget: StepBudget) -> int:
    """Return the images of one user's batch, class images included."""
    return budget.batch_size * (2 if budget.class_images else 1)


def precision_of(request: TrainingRequest) -> int:
    """Return the factor on bfloat16's bytes."""
    return FLOAT32 if request.mixed_precision == "no" else 1


def user_bytes(request: TrainingRequest, card: BaseCard, budget: StepBudget) -> int:
    """Return the GPU memory that one user of a step takes."""
    own, side = FOOTPRINTS[card.family], request.resolution or card.resolution
    kept = own.checkpointed_bytes if request.gradient_checkpointing else own.activation_bytes
    activations = kept * (side / own.side) ** 2 * precision_of(request)
    targets = request.target_modules or card.training.target_modules
    wide = FEED_FORWARD if any(name.startswith(("ff.", "feed_forward.")) for name in targets) else 1
    weights = own.rank_weights * (request.rank or card.training.rank) * wide
    latents = (budget.trained_photos + budget.class_images) * own.latent_channels * LATENT_BYTES
    images = latents * (side // LATENT_SIDE) ** 2
    return round(rows_of(budget) * activations + weights * STATE_BYTES + images)


def group_of(request: TrainingRequest, card: BaseCard, budget: StepBudget) -> str | None:
    """Return the hash of what the users of one step have in common; None: it shares no step.

    The trainer's own rule is trainer.config.sharing; a contract test compares the two.
    """
    if not shares_steps(request, card):
        return None
    defaults = card.training
    common = {
        **{name: getattr(request, name) for name in ALIKE},
        "gradient_checkpointing": bool(request.gradient_checkpointing),
        "base": card.sha256,
        "resolution": request.resolution or card.resolution,
        "steps": budget.steps,
        "batch_size": budget.batch_size,
        "class_images": budget.class_images > 0,
        "rank": request.rank or defaults.rank,
        "learning_rate": request.learning_rate or defaults.learning_rate,
        "target_modules": request.target_modules or defaults.target_modules,
    }
    return hashlib.sha256(json.dumps(common, sort_keys=True).encode()).hexdigest()[:16]


def shares_steps(request: TrainingRequest, card: BaseCard) -> bool:
    """Return whether a training can share steps at all: not all options are built for it."""
    return (
        request.adapter_file is None
        and not request.subjects
        and not trains_text_encoder(request, card)
        and request.optimizer == "adamw"
        and not request.use_8bit_adam
        and request.lora_dropout == 0
        and request.adapter_type == "lora"
        and not request.use_dora
        and not request.use_ema
        and request.gradient_accumulation_steps == 1
        and request.mixed_precision != "fp16"
        and not request.enable_bucket
        and not request.resolutions
        and request.validation_steps is None
    )


def trains_text_encoder(request: TrainingRequest, card: BaseCard) -> bool:
    """Return whether the text encoders get an adapter: options of theirs ask for it too."""
    if request.train_text_encoder is not None:
        return request.train_text_encoder
    own = (request.text_encoder_lr, request.text_encoder_rank, request.text_encoder_alpha)
    return any(option is not None for option in own) or card.training.train_text_encoder


def users_per_step(shape: StepShape | None, instance_type: str, limit: int) -> int:
    """Return how many users of this shape share a step: the fewest that gain nearly all.

    Args:
        shape: what a step takes; None: not known.
        instance_type: of the training job; one step runs on one of its GPUs.
        limit: the largest number that the stack allows.

    >>> small = StepShape(group="0" * 16, tflop=0.1, base_bytes=8 * GIB, user_bytes=GIB,
    ...     launch_seconds=0.12)
    >>> large = small.model_copy(update={"tflop": 28.6})
    >>> kinds = ("ml.g5.2xlarge", "ml.p5.4xlarge", "ml.unknown")
    >>> [users_per_step(shape, kind, 8) for shape in (small, large) for kind in kinds]
    [8, 8, 1, 1, 2, 1]
    """
    instance = INSTANCES.get(instance_type)
    if shape is None or shape.group is None or instance is None:
        return 1
    numbers = range(1, users_that_fit(shape, instance.gpu, limit) + 1)
    gains = {number: gain(number, shape, instance.gpu) for number in numbers}
    best = max(gains.values())
    enough = min(number for number in numbers if gains[number] >= NEARLY_ALL * best)
    return enough if gains[enough] >= MIN_GAIN else 1


def users_that_fit(shape: StepShape, gpu: Gpu, limit: int) -> int:
    """Return how many users fit into the GPU's memory, from 1 to ``limit``."""
    free = USABLE_MEMORY * gpu.memory_gib * GIB - shape.base_bytes
    return max(1, min(limit, int(free // max(1, shape.user_bytes))))


def gain(users: int, shape: StepShape, gpu: Gpu) -> float:
    """Return how many times faster a step of K users is than K steps of one user.

    A step takes the time to launch its kernels or the time to compute, whichever is longer.
    """

    def seconds(count: int) -> float:
        computing = count * shape.tflop / (SHARE_OF_PEAK_WHEN_FULL * gpu.peak_tflops)
        return max(shape.launch_seconds, computing)

    return users * seconds(1) / seconds(users)
