"""Advice on photos that can be used but could be better. No photo is refused here."""

from collections.abc import Iterable, Sequence

from domain.ports.decoder import PhotoMetrics

BLURRED_BELOW = 40.0
DARK_BELOW, BRIGHT_ABOVE = 35.0, 225.0
FLAT_BELOW = 12.0
SIMILAR_BITS = 3
"""Bits of 64 in which two similar photos differ at most: shots of one burst, not two poses."""

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
    similar_ones = (other for other in earlier if other is not None and similar(metrics, other))
    advice = {
        "blurred": metrics.sharpness < BLURRED_BELOW,
        "too_dark": metrics.brightness < DARK_BELOW,
        "too_bright": metrics.brightness > BRIGHT_ABOVE,
        "low_contrast": metrics.contrast < FLAT_BELOW,
        "similar_photo": next(similar_ones, None) is not None,
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
    """Whether two photos show the same moment."""
    return (one.fingerprint ^ other.fingerprint).bit_count() <= SIMILAR_BITS
