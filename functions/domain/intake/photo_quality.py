"""The quality of photos: advice on those that could be better, and one number to refuse by."""

from collections.abc import Iterable, Sequence

from contracts.shared.people.thresholds import DEFAULTS, IntakeThresholds
from domain.ports.decoder import PhotoMetrics

OLD_DAYS = 3 * 365
"""Days before the newest photo. A choice, not a measurement: faces and hair change."""

ADVICE = {"blurred", "too_dark", "too_bright", "low_contrast", "similar_photo", "old_photo"}


def advice_on(
    metrics: PhotoMetrics | None,
    earlier: Iterable[PhotoMetrics | None],
    limits: IntakeThresholds = DEFAULTS,
) -> tuple[str, ...]:
    """Return the codes of advice on a photo, given the photos before it.

    >>> advice_on(PhotoMetrics(sharpness=500, brightness=20, contrast=50, fingerprint=0), [])
    ('too_dark',)
    """
    if metrics is None:
        return ()
    advice = {
        "blurred": metrics.sharpness < limits.min_sharpness,
        "too_dark": metrics.brightness < limits.min_brightness,
        "too_bright": metrics.brightness > limits.max_brightness,
        "low_contrast": metrics.contrast < limits.min_contrast,
        "similar_photo": resembled(metrics, earlier, limits) is not None,
    }
    return tuple(code for code, applies in advice.items() if applies)


def quality_of(metrics: PhotoMetrics, limits: IntakeThresholds = DEFAULTS) -> float:
    """Return a photo's quality, 0 to 1: its worst figure as a share of that figure's limit.

    1 is a photo without advice on sharpness, brightness and contrast.

    >>> quality_of(PhotoMetrics(sharpness=30, brightness=128, contrast=50, fingerprint=0))
    0.75
    """
    room, used = 255 - limits.max_brightness, 255 - metrics.brightness
    shares = (
        _share(metrics.sharpness, limits.min_sharpness),
        _share(metrics.brightness, limits.min_brightness),
        _share(used, room),
        _share(metrics.contrast, limits.min_contrast),
    )
    return min(shares)


def _share(value: float, limit: float) -> float:
    return 1.0 if value >= limit else max(0.0, value / limit)


def old_among(days: Sequence[int | None]) -> list[bool]:
    """Return, for each photo, whether it was taken long before the newest; False without a day.

    >>> old_among([739000, 735000, None])
    [False, True, False]
    """
    newest = max((day for day in days if day is not None), default=0)
    return [day is not None and newest - day > OLD_DAYS for day in days]


def similar(one: PhotoMetrics, other: PhotoMetrics, limits: IntakeThresholds = DEFAULTS) -> bool:
    """Return whether two photos show the same moment, or one is made from the other."""
    same_moment = (one.fingerprint ^ other.fingerprint).bit_count() <= limits.max_burst_bits
    most = limits.max_view_bits
    return same_moment or is_part(one, other, most) or is_part(other, one, most)


def is_part(part: PhotoMetrics, whole: PhotoMetrics, most: int = DEFAULTS.max_view_bits) -> bool:
    """Return whether a photo is a copy, crop or mirror image of another, up to ``most`` bits."""
    hashes = (*part.views[:1], part.mirrored) if part.views else ()
    return any((own ^ view).bit_count() <= most for own in hashes for view in whole.views)


def resembled(
    metrics: PhotoMetrics,
    earlier: Iterable[PhotoMetrics | None],
    limits: IntakeThresholds = DEFAULTS,
) -> int | None:
    """Return the place of the first earlier photo that a photo is similar to; None without one."""
    for place, other in enumerate(earlier):
        if other is not None and similar(metrics, other, limits):
            return place
    return None
