"""Photos of people with their eyes closed or covered, made from photos with open eyes.

A lid is the skin above and below the eye, with a dark line where the lashes are. Sunglasses are two
dark rounded glasses and a bridge.
"""

from importlib.resources import files
from typing import TypeAlias

import dlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

WEIGHTS = files("face_weights")
LANDMARKS = "shape_predictor_5_face_landmarks.dat"
MIN_SCORE = 0.3
HALF, ABOVE, BELOW, END = (0.62, 0.30), -0.32, 0.28, 0.5
"""Half axes of the lid, where its skin is taken, and how far the lashes go: in distances between
the corners of the eye."""

LASHES, GLASS = 0.6, (18, 18, 21)
"""How dark the lashes are, 0 to 1, and the colour of the glasses."""

Array: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[Array, Array]


def eyes_of(photo: Image.Image) -> list[Pair]:
    """Return the two corners of each eye of the largest face, the left one in the photo first."""
    scale = min(2.0, 800 / max(photo.size))
    small = np.asarray(photo.resize([round(side * scale) for side in photo.size]))
    boxes, _, _ = dlib.get_frontal_face_detector().run(small, 0, MIN_SCORE)
    box = max(boxes, key=lambda one: one.height())
    predictor = dlib.shape_predictor(str(WEIGHTS.joinpath(LANDMARKS)))
    points = [np.array([p.x, p.y]) / scale for p in predictor(small, box).parts()]
    pairs = (points[:2], points[2:4])
    return [tuple(sorted(pair, key=lambda point: float(point[0]))) for pair in pairs]


def closed(photo: Image.Image) -> Image.Image:
    """Return the photo with both eyes closed."""
    pixels = np.asarray(photo.convert("RGB"), float).copy()
    for one, other in eyes_of(photo):
        close(pixels, one, other)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def close(pixels: Array, one: Array, other: Array) -> None:
    """Draw a lid between the corners of an eye into (H, W, 3)."""
    height, width = pixels.shape[:2]
    centre, length = (one + other) / 2, float(np.hypot(*(other - one)))
    along = (other - one) / length
    down = np.array([-along[1], along[0]])
    y, x = np.mgrid[:height, :width].astype(float)
    away = np.stack([x - centre[0], y - centre[1]], axis=-1) / length
    u, v = away @ along, away @ down
    weight = np.clip((1.25 - (u / HALF[0]) ** 2 - ((v + 0.02) / HALF[1]) ** 2) / 0.35, 0, 1)
    lid = weight > 0
    u, v, weight = u[lid], v[lid], weight[lid][:, None]

    def skin(level: float) -> Array:
        place = centre + length * (u[:, None] * along + level * down)
        column, row = place.round().astype(int).T
        found: Array = pixels[row.clip(0, height - 1), column.clip(0, width - 1)]
        return found

    share = np.clip((v - ABOVE) / (BELOW - ABOVE), 0, 1)[:, None]
    drawn = skin(ABOVE) * (1 - share) + skin(BELOW) * share
    lashes = np.exp(-(((v - 0.12 + 0.25 * u**2) / 0.035) ** 2)) * (np.abs(u) < END)
    drawn *= 1 - LASHES * lashes[:, None]
    pixels[lid] = pixels[lid] * (1 - weight) + drawn * weight


def covered(photo: Image.Image) -> Image.Image:
    """Return the photo with sunglasses."""
    drawn = photo.convert("RGB")
    pen, centres, unit = ImageDraw.Draw(drawn), [], 1.0
    for one, other in eyes_of(photo):
        (x, y), unit = (one + other) / 2, float(np.hypot(*(other - one)))
        box = (x - 0.95 * unit, y - 0.6 * unit, x + 0.95 * unit, y + 0.75 * unit)
        pen.rounded_rectangle(box, radius=0.4 * unit, fill=GLASS)
        centres.append((x, y))
    pen.line(centres, fill=GLASS, width=max(2, round(0.15 * unit)))
    return drawn.filter(ImageFilter.GaussianBlur(0.6))
