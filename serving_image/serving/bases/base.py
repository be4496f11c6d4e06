"""The seam between the loop that draws and the base that it draws with.

The loop (serving.generator) knows rows, steps and adapters. A base knows its text, its denoiser,
its schedule and its latent codec, and reproduces the arithmetic of diffusers' own pipelines.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from contracts.base import BaseCard
from serving.adapters.reader import Layers
from serving.engine.memory import Needs
from serving.output.truth import Pixels
from serving.rows import Conditions, Drawing, Row, Start

Size = tuple[int, int]
"""Height and width in pixels."""


class Denoiser(Protocol):
    """Begins rows, and predicts for several rows in one pass."""

    def encode(self, row: Row) -> Conditions:
        """Return what the network knows of a row."""
        ...

    def predict(self, drawings: Sequence[Drawing]) -> Tensor:
        """Return the network's output for rows of one shape, (entries, channels, ...).

        The entries of a row are neighbours, in the order of the rows.
        """
        ...

    def guide(self, row: Row, prediction: Tensor) -> Tensor:
        """Return what the row's scheduler takes: one prediction of its entries, with guidance.

        Args:
            row: the picture.
            prediction: the row's part of ``predict``.
        """
        ...


class Refiner(Denoiser, Protocol):
    """A second network of a base, which draws the last steps of a picture."""

    @property
    def network(self) -> nn.Module:
        """The network itself."""
        ...

    def start(self, drawing: Drawing) -> Start:
        """Return the refiner's part of a row whose base part is done."""
        ...


class Base(Denoiser, Protocol):
    """One base on one device. Every method but ``count_chunks`` belongs to one thread."""

    pipeline: Any
    """Diffusers' own, with all networks."""
    layers: Layers
    """The layers that an adapter may change."""
    refiner: Refiner | None

    @property
    def latent_side(self) -> int:
        """Pixels of a picture for each side of a latent."""
        ...

    def passes_of_step(self, row: Row) -> int:
        """Return the passes that one step of the row's sampler takes."""
        ...

    def entries_of(self, row: Row) -> int:
        """Return the number of the row's entries in a batch, before it is encoded."""
        ...

    def count_chunks(self, row: Row) -> int:
        """Return the length of a row's prompts, in the unit by which rows share a pass.

        Any thread may call it.

        Raises:
            PictureError: the prompts or another argument cannot be drawn with this base.
        """
        ...

    def make_scheduler(self, name: str) -> Any:  # noqa: ANN401 (diffusers has no common type)
        """Return a new scheduler by the name of a sampler, as it keeps the state of its row."""
        ...

    def resized(self, conditions: Conditions, size: Size) -> Conditions:
        """Return what the network knows of a row that is drawn again in another size."""
        ...

    def start(self, row: Row, given: Tensor | None = None) -> Start:
        """Return the beginning of a row.

        Args:
            row: the picture.
            given: latents to start from instead of the row's image.
        """
        ...

    def decode(self, latents: Tensor, *, tiled: bool = False) -> Pixels:
        """Return the picture of finished latents.

        Args:
            latents: (1, channels, height, width)
            tiled: decode in overlapping tiles, which takes less memory and changes the picture a
                little where tiles meet.
        """
        ...

    def to(self, dtype: torch.dtype) -> None:
        """Compute in a type from now on."""
        ...

    def needs(self) -> Needs:
        """Return the memory that drawing needs, traced on torch's meta device."""
        ...


class Kind(Protocol):
    """A kind of base: its class."""

    half: torch.dtype
    """Type of half the size in which its pictures are drawn on a GPU."""

    def __call__(
        self, folder: Path, card: BaseCard, device: torch.device, dtype: torch.dtype
    ) -> Base:
        """Load a base from local files."""
        ...
