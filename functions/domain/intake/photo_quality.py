"""Advice on photos that can be used, but that better ones would beat. No photo is refused here."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

BLURRED_BELOW = 40.0
DARK_BELOW, BRIGHT_ABOVE = 35.0, 225.0
FLAT_BELOW = 12.0
SIMILAR_BITS = 3
"""Of 64; a burst of shots differs in fewer, two poses in more."""


OLD_DAYS = 3 * 365
"""Before the newest photo; a choice, not a measurement: faces and hair change."""

ADVICE = {"blurred", "too_dark", "too_bright", "low_contrast", "similar_photo", "old_photo"}


class Looks(NamedTuple):
    """What runtime.imaging.photo_metrics takes of a photo."""

    sharpness: float
    """Variance of the Laplacian at 256 pixels of width."""
    brightness: float
    """Mean grey, 0 to 255."""
    contrast: float
    """Standard deviation of grey."""
    fingerprint: int
    """64 bits; pictures that look alike differ in few."""


def advice_on(looks: Looks | None, earlier: Iterable[Looks | None]) -> tuple[str, ...]:
    """Return the codes of what is not good about a photo, given those seen before it.

    >>> advice_on(Looks(sharpness=500, brightness=20, contrast=50, fingerprint=0), [])
    ('too_dark',)
    """
    if looks is None:
        return ()
    twins = (other for other in earlier if other is not None and similar(looks, other))
    advice = {
        "blurred": looks.sharpness < BLURRED_BELOW,
        "too_dark": looks.brightness < DARK_BELOW,
        "too_bright": looks.brightness > BRIGHT_ABOVE,
        "low_contrast": looks.contrast < FLAT_BELOW,
        "similar_photo": next(twins, None) is not None,
    }
    return tuple(code for code, applies in advice.items() if applies)


def old_among(days: Sequence[int | None]) -> list[bool]:
    """Tell which photos were taken long before the newest one; those without a day were not.

    >>> old_among([739000, 735000, None])
    [False, True, False]
    """
    newest = max((day for day in days if day is not None), default=0)
    return [day is not None and newest - day > OLD_DAYS for day in days]


def similar(one: Looks, other: Looks) -> bool:
    """Tell two shots of one moment."""
    return (one.fingerprint ^ other.fingerprint).bit_count() <= SIMILAR_BITS
