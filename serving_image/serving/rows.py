"""A row is one picture on its way: what was asked for, and its state between two steps."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import torch
from PIL.Image import Image
from torch import Tensor

from contracts.shared.words.prompt_weights import READERS, PromptError, Syntax, WeightedPrompt
from serving.adapters.hooks import Mix
from serving.picture_error import PictureError
from serving.picture_request import Sampling, SecondPass

Network = Literal["base", "refiner"]
"""Which network draws."""


@dataclass(frozen=True)
class Row:
    """One picture to draw."""

    prompt: str
    negative_prompt: str | None
    seed: int
    guidance_scale: float
    sampling: Sampling
    mix: Mix = ()
    image: Image | None = None
    """The image to start from, in the picture's size; needs ``sampling.strength``."""
    mask: Image | None = None
    """Where the image may change: white; in the picture's size, of one channel."""
    syntax: Syntax = "literal"
    """How the prompts are read (contracts.shared.words.prompt_weights)."""
    clip_skip: int | None = None
    """Number of the text encoders' last layers that are left out, as diffusers counts."""
    second_pass: SecondPass | None = None
    """How the finished picture is enlarged and drawn again; None: it is not."""
    refiner_switch_at: float | None = None
    """Share of the noise schedule after which the base's refiner draws; None: it does not."""

    def read(self, text: str) -> WeightedPrompt:
        """Return a prompt's words and weights.

        Raises:
            PictureError: ``invalid_argument``; the prompt asks for what nobody here draws.
        """
        try:
            return READERS[self.syntax](text)
        except PromptError as error:
            message = f"prompt: {error}; with prompt_weights false brackets are text"
            raise PictureError("invalid_argument", message) from None


class Conditions(Protocol):
    """What the network knows of one row. Each kind of base has its own, and reads no other's."""

    @property
    def entries(self) -> int:
        """Number of the row's entries in a batch: 2 with guidance, otherwise 1."""
        ...


class Kept(NamedTuple):
    """What a masked row keeps of its image; all are (1, channels, height, width)."""

    mask: Tensor
    """1 where the picture may change, otherwise 0."""
    latents: Tensor
    """The image's own."""
    noise: Tensor
    """Added to them as the row has it at each step."""


class Start(NamedTuple):
    """The beginning of a row."""

    scheduler: Any
    timesteps: Tensor
    """Those that this network draws."""
    latents: Tensor
    """(1, channels, height, width)"""
    noise: torch.Generator
    """Gives the row's noise, also at each step."""
    kept: Kept | None = None


class Shape(NamedTuple):
    """What rows must have in common to pass through the network together."""

    height: int
    width: int
    dtype: torch.dtype
    network: Network = "base"


@dataclass
class Drawing:
    """The state of one row."""

    row: Row
    shape: Shape
    conditions: Conditions
    scheduler: Any
    timesteps: Tensor
    latents: Tensor
    """(1, channels, height, width)"""
    noise: torch.Generator
    """Gives the row's noise, also at each step."""
    kept: Kept | None = None
    step_options: dict[str, Any] = field(default_factory=dict)
    index: int = 0
    """Number of timesteps that are done."""
    broken: bool = False
    """Whether a step failed half-way, so that the scheduler's state cannot be used."""

    @property
    def entries(self) -> int:
        """Number of the row's entries in a batch."""
        return self.conditions.entries

    @property
    def remaining(self) -> int:
        """Number of timesteps to come."""
        return len(self.timesteps) - self.index
