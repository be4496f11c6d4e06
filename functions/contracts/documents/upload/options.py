"""TrainingOptions: how to train, beyond what to train. Names are diffusers'; docs/training.md.

Every default is what training did before the option was there.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.document import Document

TargetModule = Literal["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]
"""Layers of the UNet's transformers: queries, keys, values, output, and the feed-forward pair."""

TargetModules = Annotated[tuple[TargetModule, ...], Field(min_length=1, max_length=6)]

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

Side = Annotated[int, Field(ge=64, le=2048, multiple_of=8)]

LARGEST_RATE = 0.1
"""Of every optimiser but prodigy, which finds its own and takes 1.0 as "all of it"."""


class TrainingOptions(Document):
    """Part of a TrainingRequest: what experts set, and nobody has to."""

    text_encoder_rank: Annotated[int, Field(ge=1, le=256)] | None = None
    """Of the text encoders' adapters; absent: ``rank``."""

    text_encoder_alpha: Annotated[float, Field(gt=0, le=512)] | None = None
    """Of the text encoders' adapters; absent: in the UNet's proportion to the rank."""

    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the adapter's input that is left out at random while training."""

    target_modules: TargetModules | None = None
    """The UNet's layers that get an adapter; absent: the base's own choice."""

    gradient_accumulation_steps: Annotated[int, Field(ge=1, le=64)] = 1
    """Batches whose gradients make one optimiser step: a larger batch in the same memory."""

    gradient_checkpointing: bool | None = None
    """Compute activations twice instead of keeping them; absent: as the machine is set up."""

    mixed_precision: Precision | None = None
    """Of the frozen networks, adapters are float32 always; absent: bf16 where the GPU has it."""

    optimizer: Optimizer = "adamw"

    use_8bit_adam: bool = False
    """Keep AdamW's moments in 8 bits."""

    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9

    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999

    adam_weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    """Of every optimiser."""

    max_grad_norm: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """A longer gradient is cut to this length."""

    lr_scheduler: Scheduler | None = None
    """As in diffusers; absent: a cosine over all steps, times the warm-up."""

    lr_warmup_steps: Annotated[int, Field(ge=0, le=20_000)] | None = None
    """Steps until the peak rate; absent: a twentieth of all, none for constant ones."""

    lr_num_cycles: Annotated[int, Field(ge=1, le=100)] = 1
    """Of ``cosine_with_restarts``."""

    lr_power: Annotated[float, Field(gt=0, le=10)] = 1.0
    """Of ``polynomial``."""

    snr_gamma: Annotated[float, Field(ge=0, le=100)] | None = None
    """Of Min-SNR weighting; 0 counts all noise levels alike; absent: 5."""

    noise_offset: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Noise added to a whole channel at once, for pictures that are very dark or bright."""

    checkpointing_steps: Annotated[int, Field(ge=1, le=20_000)] | None = None
    """Steps between two saved states; absent: a tenth of all, at least 10."""

    validation_steps: Annotated[int, Field(ge=1, le=20_000)] | None = None
    """Steps between two sets of pictures of fixed prompts and seeds; absent: none on the way."""

    num_train_epochs: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Rounds over all photos, each as often as its ``repeats``; chooses the number of steps."""

    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often each photo comes in an epoch."""

    enable_bucket: bool = False
    """Keep each photo's aspect: it is trained at the size that is nearest to its own."""

    resolutions: Annotated[tuple[Side, ...], Field(max_length=4)] = ()
    """Train on every photo at each of these; pictures are judged at ``resolution``."""

    @model_validator(mode="after")
    def _options_agree(self) -> "TrainingOptions":
        for field, needed in self._without_effect():
            if getattr(self, field) != type(self).model_fields[field].default:
                message = f"{field} has no effect {needed}"
                raise ValueError(message)
        if self.use_8bit_adam and self.optimizer != "adamw":
            message = f"use_8bit_adam is not for optimizer {self.optimizer}"
            raise ValueError(message)
        if len(set(self.resolutions)) < len(self.resolutions):
            message = "resolutions names one twice"
            raise ValueError(message)
        return self

    def _without_effect(self) -> list[tuple[str, str]]:
        """Return the fields that the others make useless, and why."""
        useless = []
        if self.lr_scheduler != "cosine_with_restarts":
            useless.append(("lr_num_cycles", "without lr_scheduler cosine_with_restarts"))
        if self.lr_scheduler != "polynomial":
            useless.append(("lr_power", "without lr_scheduler polynomial"))
        if self.lr_scheduler == "constant":
            useless.append(("lr_warmup_steps", "with lr_scheduler constant"))
        if self.optimizer == "adafactor":
            useless += [(f, "with optimizer adafactor") for f in ("adam_beta1", "adam_beta2")]
        if self.num_train_epochs is None:
            useless.append(("repeats", "without num_train_epochs"))
        return useless
