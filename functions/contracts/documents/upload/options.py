"""TrainingOptions: how to train, beyond what to train. Names are diffusers'; docs/training.md.

Every default gives the behaviour from before the option existed.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.documents.upload.adapter_options import AdapterOptions
from contracts.shared.limits import (
    MAX_ALPHA,
    MAX_RANK,
    MAX_REPEATS,
    MAX_SIDE,
    MAX_TRAIN_STEPS,
    MIN_SIDE,
    SIDE_STEP,
)

TargetModule = Literal[
    "to_q",
    "to_k",
    "to_v",
    "to_out.0",
    "ff.net.0.proj",
    "ff.net.2",
    "feed_forward.w1",
    "feed_forward.w2",
    "feed_forward.w3",
]
"""Layers of the transformers: queries, keys, values, output, and the feed-forward layers as UNets
(``ff``) and Z-Image (``feed_forward``) name them."""

TargetModules = Annotated[tuple[TargetModule, ...], Field(min_length=1, max_length=7)]

Precision = Literal["no", "fp16", "bf16"]

Optimizer = Literal["adamw", "adafactor", "prodigy"]

Scheduler = Literal[
    "constant",
    "constant_with_warmup",
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
]

Side = Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP)]


class TrainingOptions(AdapterOptions):
    """Part of a TrainingRequest: optional settings for experts."""

    text_encoder_rank: Annotated[int, Field(ge=1, le=MAX_RANK)] | None = None
    """Rank of the text encoders' adapters; absent: ``rank``."""

    text_encoder_alpha: Annotated[float, Field(gt=0, le=MAX_ALPHA)] | None = None
    """Alpha of the text encoders' adapters; absent: the same alpha / rank as in the UNet."""

    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout probability of the adapter's input during training."""

    target_modules: TargetModules | None = None
    """Layers of the denoising network that get an adapter; absent: the base's default."""

    gradient_accumulation_steps: Annotated[int, Field(ge=1, le=64)] = 1
    """Batches per optimiser step: the effect of a larger batch in the same memory."""

    gradient_checkpointing: bool | None = None
    """Recompute activations instead of storing them; absent: the training image's setting."""

    mixed_precision: Precision | None = None
    """Precision of the frozen networks; adapters are always float32. Absent: bf16 if the GPU
    supports it."""

    optimizer: Optimizer = "adamw"

    use_8bit_adam: bool = False
    """Store AdamW's moments in 8 bits."""

    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9

    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999

    adam_weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    """Weight decay, for every optimiser."""

    max_grad_norm: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Gradients with a larger norm are clipped to this norm."""

    lr_scheduler: Scheduler | None = None
    """Scheduler of the learning rate, as in diffusers; absent: warm-up, then a cosine."""

    lr_warmup_steps: Annotated[int, Field(ge=0, le=MAX_TRAIN_STEPS)] | None = None
    """Steps until the peak rate; absent: a twentieth of all steps, 0 for ``constant``."""

    lr_num_cycles: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of cycles of ``cosine_with_restarts``."""

    lr_power: Annotated[float, Field(gt=0, le=10)] = 1.0
    """Exponent of ``polynomial``."""

    snr_gamma: Annotated[float, Field(ge=0, le=100)] | None = None
    """Gamma of Min-SNR loss weighting; 0 gives all timesteps the same weight; absent: 5."""

    noise_offset: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Strength of the noise that is equal in a whole channel, for very dark or bright pictures."""

    checkpointing_steps: Annotated[int, Field(ge=1, le=MAX_TRAIN_STEPS)] | None = None
    """Steps between two checkpoints; absent: a tenth of all steps, at least 10."""

    validation_steps: Annotated[int, Field(ge=1, le=MAX_TRAIN_STEPS)] | None = None
    """Steps between two sets of validation images; absent: no validation images."""

    num_train_epochs: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Epochs, each with every photo as often as its ``repeats``; sets the number of steps."""

    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = 1
    """Number of times that each photo comes in an epoch."""

    enable_bucket: bool = False
    """Keep each photo's aspect ratio: train it at the bucket size nearest to its own."""

    resolutions: Annotated[tuple[Side, ...], Field(max_length=4)] = ()
    """Train on every photo at each of these sides; the gate judges at ``resolution``."""

    @model_validator(mode="after")
    def _options_agree(self) -> "TrainingOptions":
        for field, why in self.without_effect().items():
            message = f"{field} has no effect {why}"
            raise ValueError(message)
        if self.use_8bit_adam and self.optimizer != "adamw":
            message = f"use_8bit_adam is not for optimizer {self.optimizer}"
            raise ValueError(message)
        if len(set(self.resolutions)) < len(self.resolutions):
            message = "resolutions names one twice"
            raise ValueError(message)
        return self

    def without_effect(self) -> dict[str, str]:
        """Return the given fields that have no effect beside the others, each with the reason."""
        fields = type(self).model_fields
        useless = dict(self._useless_options())
        return {
            name: why
            for name, why in useless.items()
            if getattr(self, name) != fields[name].default
        }

    def _useless_options(self) -> list[tuple[str, str]]:
        """Return the fields that would have no effect, and why."""
        useless = []
        if self.lr_scheduler != "cosine_with_restarts":
            useless.append(("lr_num_cycles", "without lr_scheduler cosine_with_restarts"))
        if self.lr_scheduler != "polynomial":
            useless.append(("lr_power", "without lr_scheduler polynomial"))
        if self.lr_scheduler == "constant" and self.lr_warmup_steps:  # 0 is what it has
            useless.append(("lr_warmup_steps", "with lr_scheduler constant"))
        if self.optimizer == "adafactor":
            useless += [(f, "with optimizer adafactor") for f in ("adam_beta1", "adam_beta2")]
        if self.num_train_epochs is None:
            useless.append(("repeats", "without num_train_epochs"))
        if self.optimizer == "prodigy":
            useless.append(("loraplus_lr_ratio", "with optimizer prodigy"))
        return useless + self._useless_for_the_adapter()

    def _useless_for_the_adapter(self) -> list[tuple[str, str]]:
        useless = []
        if self.adapter_type == "lokr":
            only_lora = ("use_dora", "use_rslora", "loraplus_lr_ratio", "lora_dropout")
            useless += [(field, "with adapter_type lokr") for field in only_lora]
        else:
            useless.append(("decompose_factor", "without adapter_type lokr"))
        if not self.use_ema:
            useless.append(("ema_decay", "without use_ema"))
        return useless
