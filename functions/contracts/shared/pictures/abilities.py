"""What the bases of each family can draw, and which arguments of a picture they do not have."""

from collections.abc import Mapping
from typing import NamedTuple

from contracts.base import Architecture
from contracts.shared.limits import MAX_ZIMAGE_TOKENS
from contracts.shared.pictures.samplers import FLOW_SAMPLERS, SAMPLERS, Sampler
from contracts.shared.words.prompt_weights import Syntax


class Abilities(NamedTuple):
    """What a request may ask of the bases of one family."""

    samplers: Mapping[str, Sampler]
    """By the names of contracts.shared.pictures.samplers."""

    lacks: tuple[str, ...] = ()
    """Names of PictureArguments that would have no effect; a request with one is refused."""

    reads_weights: bool = True
    """Whether ``(word:1.2)`` can weigh a word."""

    max_tokens: int | None = None
    """Largest number of a prompt's tokens; None: CLIP reads it in chunks."""

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
        max_tokens=MAX_ZIMAGE_TOKENS,
        rounds_steps_up=True,
    ),
}


def syntax_of(family: Architecture, *, prompt_weights: bool = True) -> Syntax:
    """Return how the bases of a family read a prompt.

    Args:
        family: the base's.
        prompt_weights: PictureArguments.prompt_weights; the gate reads with its default.

    >>> syntax_of("sdxl"), syntax_of("zimage"), syntax_of("sd1", prompt_weights=False)
    ('weights', 'tags', 'literal')
    """
    if not prompt_weights:
        return "literal"
    return "weights" if ABILITIES[family].reads_weights else "tags"
