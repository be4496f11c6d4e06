"""AdapterOptions: what kind of adapter is trained, and how its weights are averaged.

The names are those of peft's LoraConfig, of its LoRA+ optimizer and of diffusers' scripts. Every
default gives a plain LoRA.
"""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document

AdapterType = Literal["lora", "lokr"]


class AdapterOptions(Document):
    """Part of a TrainingRequest: DoRA, rsLoRA, LoRA+, LoKr and the average of the weights."""

    adapter_type: AdapterType = "lora"
    """``lokr``: a Kronecker product of a small and a low-rank matrix; delivered as a plain LoRA."""

    decompose_factor: Annotated[int, Field(ge=2, le=16)] = 8
    """Side of LoKr's small matrix; the delivered LoRA has up to ``rank`` times this rank."""

    use_dora: bool = False
    """Also train the length of every row of the UNet's adapted weights (DoRA); text encoders stay
    plain LoRA."""

    use_rslora: bool = False
    """Scale the adapter by alpha / sqrt(rank) instead of alpha / rank (rsLoRA)."""

    loraplus_lr_ratio: Annotated[float, Field(gt=0, le=64)] | None = None
    """Learning rate of the B matrices divided by that of the A matrices (LoRA+); absent: 1."""

    use_ema: bool = False
    """Deliver an exponential moving average of the weights instead of the last weights."""

    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.9999
    """Largest decay of the average; after n steps it is at most (1 + n) / (10 + n)."""
