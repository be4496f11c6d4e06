"""Arguments of a picture that exclude or need each other: the HTTP API and the endpoint ask here.

What depends on the base, such as its sides and samplers, is in abilities.py.
"""

from collections.abc import Iterator
from typing import NamedTuple

from contracts.documents.picture import MAX_SIDE, PictureArguments
from contracts.shared.weights.families import FAMILIES

TOO_LARGE = f"the picture would be larger than {MAX_SIDE} pixels"

MAX_SIDE_STEP = max(family.side_step for family in FAMILIES.values())
"""What this leaves too large is too large on every base."""


class ArgumentProblem(NamedTuple):
    """Why an argument cannot be used."""

    name: str
    """The argument, one of PictureArguments'."""
    text: str
    """The reason, without a word of the request."""


def argument_problems(arguments: PictureArguments, *, has_image: bool) -> Iterator[ArgumentProblem]:
    """Yield what is wrong with the arguments of a request on every base.

    Args:
        arguments: the request's.
        has_image: whether it has a start image.
    """
    yield from _of_refiner(arguments)
    yield from _of_second_pass(arguments, has_image=has_image)
    if arguments.strength is not None and not has_image and arguments.hr_scale is None:
        yield ArgumentProblem("strength", "it needs an image, and the request has none")
    if arguments.mask_image is not None and not has_image:
        yield ArgumentProblem("mask_image", "it needs an image, and the request has none")


def _of_refiner(arguments: PictureArguments) -> Iterator[ArgumentProblem]:
    if arguments.refiner_switch_at is None:
        return
    for name in ("mask_image", "hr_scale"):
        if getattr(arguments, name) is not None:
            text = f"not together with {name}; give one of them"
            yield ArgumentProblem("refiner_switch_at", text)


def _of_second_pass(arguments: PictureArguments, *, has_image: bool) -> Iterator[ArgumentProblem]:
    if arguments.hr_scale is None:
        for name in ("hr_upscaler", "hr_second_pass_steps"):
            if getattr(arguments, name) is not None:
                yield ArgumentProblem(name, "it needs hr_scale, and the request has none")
        return
    if has_image:
        text = "not with an image; ask for a larger width and height instead"
        yield ArgumentProblem("hr_scale", text)
    given = (arguments.width, arguments.height)
    if any(is_too_large(side, arguments.hr_scale) for side in given if side is not None):
        yield ArgumentProblem("hr_scale", TOO_LARGE)


def is_too_large(side: int, hr_scale: float, side_step: int = MAX_SIDE_STEP) -> bool:
    """Return whether a side is beyond MAX_SIDE in the second pass.

    Args:
        side: in pixels, of the first pass.
        hr_scale: the argument.
        side_step: the base's sides are multiples of it.
    """
    return int(side * hr_scale) // side_step * side_step > MAX_SIDE
