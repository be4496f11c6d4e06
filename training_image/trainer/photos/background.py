"""The background of the subject: segmented, then blurred or replaced.

H and W are a photo's pixels; a mask is (H, W) float32, 1 where the subject is.
"""

from typing import Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from contracts.documents.upload.photo_options import Background
from trainer.config import noise
from trainer.faces import Face, Pixels

Mask: TypeAlias = NDArray[np.float32]

MAX_SIDE = 256
"""The longer side in pixels at which photos are segmented."""

ITERATIONS = 5
EDGE = 0.04
"""The share of the photo's side that is background for certain, when there is no face."""

PLAUSIBLE = 0.03, 0.95
"""The smallest and largest share of the photo that a subject can fill."""

BLUR, SOFT = 0.04, 0.01
"""The blur of a background and of a mask's edge, as shares of the photo's longer side."""


class Segmenter(Protocol):
    """Separates the subject of a photo from its background."""

    def subject(self, pixels: Pixels, face: Face | None) -> Mask | None:
        """Return the mask of the subject; None if it cannot be found."""
        ...


class GrabCutSegmenter:
    """OpenCV's GrabCut, started from the face or, without one, from the middle of the photo.

    It needs no weights. It separates colours, so it fails on a subject in the colours of its
    background. An implausible mask counts as none.

    Source: Rother et al. 2004, "GrabCut": interactive foreground extraction using graph cuts.
    """

    def subject(self, pixels: Pixels, face: Face | None) -> Mask | None:
        """Return the mask of the subject; None if it fills almost nothing or almost everything."""
        height, width = pixels.shape[:2]
        scale = min(1.0, MAX_SIDE / max(height, width))
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        guess = guess_around(face, scale, small) if face is not None else guess_middle(small)
        cv2.setRNGSeed(0)  # GrabCut initialises its clusters at random
        models = np.zeros((2, 1, 65))
        cv2.grabCut(small, guess, None, *models, ITERATIONS, cv2.GC_INIT_WITH_MASK)
        mask = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
        if not PLAUSIBLE[0] < mask.mean() < PLAUSIBLE[1]:
            return None
        full: Mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
        soft: Mask = cv2.GaussianBlur(full, (0, 0), max(0.5, SOFT * max(height, width)))
        return soft


def guess_around(face: Face, scale: float, pixels: Pixels) -> Pixels:
    """Return GrabCut's start for a photo with a face: the head, with shoulders below.

    The middle of the face, the area under it, and the edges beside and above the head are certain;
    the rest is decided by the colours.
    """
    rows, columns = pixels.shape[:2]
    guess = np.full((rows, columns), cv2.GC_PR_BGD, np.uint8)
    x, y = (round(value * scale) for value in face.centre)
    width, height = face.width * scale, face.height * scale
    shoulders = min(rows, y + round(0.75 * height))
    reach = round(1.1 * width)
    cv2.rectangle(guess, (x - reach, shoulders), (x + reach, rows), cv2.GC_PR_FGD, -1)
    fill_ellipse(guess, (x, y), (0.5 * width, 0.6 * height), cv2.GC_PR_FGD)
    edge = max(1, round(EDGE * min(rows, columns)))
    above = slice(0, max(edge, min(y, shoulders - edge)))
    sure = np.zeros_like(guess)
    sure[above, :edge] = sure[above, -edge:] = sure[:edge] = 1
    fill_ellipse(sure, (x, y), (0.6 * width, 0.8 * height), 0)
    guess[sure == 1] = cv2.GC_BGD
    fill_ellipse(guess, (x, y), (0.3 * width, 0.35 * height), cv2.GC_FGD)
    middle = round(0.3 * width)
    cv2.rectangle(guess, (x - middle, shoulders), (x + middle, rows), cv2.GC_FGD, -1)
    return guess


def fill_ellipse(
    guess: Pixels, centre: tuple[int, int], axes: tuple[float, float], value: int
) -> None:
    """Fill an upright ellipse that is given by its half axes."""
    across, down = axes
    cv2.ellipse(guess, centre, (round(across), round(down)), 0, 0, 360, value, -1)


def guess_middle(pixels: Pixels) -> Pixels:
    """Return GrabCut's start for a photo without a face: background at the edges."""
    height, width = pixels.shape[:2]
    guess = np.full((height, width), cv2.GC_BGD, np.uint8)
    edge = max(1, round(EDGE * min(height, width)))
    guess[edge:-edge, edge:-edge] = cv2.GC_PR_FGD
    return guess


def change_background(pixels: Pixels, mask: Mask, how: Background, seed: int, index: int) -> Pixels:
    """Return a photo with another background; a seed always gives the same one."""
    if how == "keep":
        return pixels
    behind = blurred(pixels, mask) if how == "blur" else drawn(pixels.shape[:2], seed, index)
    share = mask[..., None]
    mixed: Pixels = (pixels * share + behind * (1 - share)).round().astype(np.uint8)
    return mixed


def blurred(pixels: Pixels, mask: Mask) -> NDArray[np.float32]:
    """Return the blurred background, without the subject's colours in it."""
    sigma = BLUR * max(mask.shape)
    outside = np.clip(1 - mask, 1e-3, 1)[..., None]
    colours = cv2.GaussianBlur((pixels * outside).astype(np.float32), (0, 0), sigma)
    shares = cv2.GaussianBlur(outside.astype(np.float32), (0, 0), sigma)[..., None]
    return np.asarray(colours / shares, dtype=np.float32)


def drawn(shape: tuple[int, ...], seed: int, index: int) -> NDArray[np.float32]:
    """Return soft random spots of colour; every photo of a seed gets different ones."""
    rng = np.random.default_rng(noise.make_generator(seed, "background", index).initial_seed())
    few = rng.uniform(20, 235, (4, 4, 3)).astype(np.float32)
    even = rng.uniform(20, 235, 3)
    mixed = (0.6 * even + 0.4 * few).astype(np.float32)
    height, width = shape
    large = cv2.resize(mixed, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(large, 0, 255).astype(np.float32)
