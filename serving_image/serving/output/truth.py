"""Whether a picture shows anything: a black, uniform or saturated one is no answer."""

from typing import Any

import numpy as np

Pixels = np.ndarray[Any, Any]
"""A picture, (height, width, 3) float32 in [0, 1]; not finite where numbers overflowed."""

MIN_RANGE = 4 / 255
"""A picture whose channels all vary by less is uniform; black is one case of it."""

MAX_SATURATED = 0.995
"""Largest share of values that may be at an end of their range."""


def is_finite(pixels: Pixels) -> bool:
    """Return False where numbers overflowed."""
    return bool(np.isfinite(pixels).all())


def is_degenerate(pixels: Pixels) -> bool:
    """Return whether a picture is uniform or saturated.

    Args:
        pixels: (height, width, 3) in [0, 1].
    """
    span = pixels.max(axis=(0, 1)) - pixels.min(axis=(0, 1))
    ends = np.count_nonzero((pixels <= 0) | (pixels >= 1)) / pixels.size
    return bool((span < MIN_RANGE).all() or ends > MAX_SATURATED)
