"""What the bases of each family can draw, and which arguments of a picture they do not have."""

from collections.abc import Mapping
from typing import NamedTuple

from contracts.base import Architecture
from contracts.shared.pictures.samplers import FLOW_SAMPLERS, SAMPLERS, Sampler


class Abilities(NamedTuple):
    """What a request may ask of the bases of one family."""

    samplers: Mapping[str, Sampler]
    """By the names of contracts.shared.pictures.samplers."""

    lacks: tuple[str, ...] = ()
    """Names of PictureArguments that would have no effect; a request with one is refused."""

    reads_weights: bool = True
    """Whether ``(word:1.2)`` can weigh a word."""

    rounds_steps_up: bool = False
    """Whether diffusers draws a part of a step that ``strength`` leaves as a whole one."""


UNET = Abilities(SAMPLERS)

ABILITIES: dict[Architecture, Abilities] = {
    "sd1": UNET,
    "sd2": UNET,
    "sdxl": UNET,
    "zimage": Abilities(
        FLOW_SAMPLERS,
        lacks=("clip_skip", "mask_image", "refiner_switch_at"),
        reads_weights=False,
        rounds_steps_up=True,
    ),
}
