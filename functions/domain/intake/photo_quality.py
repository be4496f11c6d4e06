"""Advice on photos that can be used but could be better. No photo is refused here."""

from collections.abc import Iterable, Sequence

from domain.ports.decoder import PhotoMetrics

BLURRED_BELOW = 40.0
DARK_BELOW, BRIGHT_ABOVE = 35.0, 225.0
FLAT_BELOW = 12.0
SIMILAR_BITS = 3
"""Bits of 64 in which two similar photos differ at most: shots of one burst, not two poses."""

MAX_VIEW_BITS = 48
"""Bits of 768 in which a photo's colour hash differs from a window of another photo that shows the
same picture: docs/intake.md has the measurement."""

OLD_DAYS = 3 * 365
"""Days before the newest photo. A choice, not a measurement: faces and hair change."""

ADVICE = {"blurred", "too_dark", "too_bright", "low_contrast", "similar_photo", "old_photo"}


def advice_on(
    metrics: PhotoMetrics | None, earlier: Iterable[PhotoMetrics | None]
) -> tuple[str, ...]:
    """Return the codes of advice on a photo, given the photos before it.

    >>> advice_on(PhotoMetrics(sharpness=500, brightness=20, contrast=50, fingerprint=0), [])
    ('too_dark',)
    """
    if metrics is None:
        return ()
    advice = {
        "blurred": metrics.sharpness < BLURRED_BELOW,
        "too_dark": metrics.brightness < DARK_BELOW,
        "too_bright": metrics.brightness > BRIGHT_ABOVE,
        "low_contrast": metrics.contrast < FLAT_BELOW,
        "similar_photo": resembled(metrics, earlier) is not None,
    }
    return tuple(code for code, applies in advice.items() if applies)


def old_among(days: Sequence[int | None]) -> list[bool]:
    """Return, for each photo, whether it was taken long before the newest; False without a day.

    >>> old_among([739000, 735000, None])
    [False, True, False]
    """
    newest = max((day for day in days if day is not None), default=0)
    return [day is not None and newest - day > OLD_DAYS for day in days]


def similar(one: PhotoMetrics, other: PhotoMetrics) -> bool:
    """Whether two photos show the same moment, or one is made from the other."""
    same_moment = (one.fingerprint ^ other.fingerprint).bit_count() <= SIMILAR_BITS
    return same_moment or is_part(one, other) or is_part(other, one)


def is_part(part: PhotoMetrics, whole: PhotoMetrics) -> bool:
    """Whether a photo is a copy, a crop or a mirror image of another."""
    hashes = (*part.views[:1], part.mirrored) if part.views else ()
    return any((own ^ view).bit_count() <= MAX_VIEW_BITS for own in hashes for view in whole.views)


def resembled(metrics: PhotoMetrics, earlier: Iterable[PhotoMetrics | None]) -> int | None:
    """Return the place of the first earlier photo that a photo is similar to; None without one."""
    for place, other in enumerate(earlier):
        if other is not None and similar(metrics, other):
            return place
    return None
