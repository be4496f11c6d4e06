"""The child of runtime.imaging.faces: normalised PNGs from stdin, one line of JSON each to stdout.

A PNG comes after its length in four bytes. The answer is a list of faces, the largest first. The
processor limit counts anew for each photo. The child ends when stdin does.

dlib's detector of upright frontal faces (HOG) looks first, on a photo of at most 800 pixels. Only
where it finds nothing, the slower network looks for faces that are turned or covered.

Sources: Dalal and Triggs 2005 (HOG); King 2015, arXiv 1502.00046 (the network's loss); King 2017,
"High Quality Face Recognition with Deep Metric Learning" (the encoder).
"""

import io
import json
import sys
from importlib.resources import files
from typing import Any, NamedTuple, TypeAlias

import dlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.shared.limits import MAX_FACE_SECONDS, MAX_FACES_SECONDS
from runtime.imaging.child_limits import STARTED, grant_seconds, limit_process
from runtime.imaging.eyes import iris_contrast

MEMORY_BYTES = 1536 * 1024 * 1024
WEIGHTS_PACKAGE = "face_weights"
"""The package without code that the layer's build makes; dependencies/face_weights/."""

ENCODER = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS = "shape_predictor_5_face_landmarks.dat"
NETWORK = "mmod_human_face_detector.dat"

MAX_SIDE, NETWORK_SIDE = 800, 480
"""The longer side in pixels at which each detector looks; a smaller photo is at most doubled."""

MIN_SCORE, MIN_NETWORK_SCORE = 0.3, 0.7
"""Smallest confidence of a face, on each detector's own scale; docs/faces.md has the figures."""

CLARITY_SIDE, CLARITY_HALF = 96, 100.0
"""The side in pixels at which clarity is measured; the Laplacian's variance of clarity 0.5."""

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, 3), RGB."""


class Models(NamedTuple):
    """dlib's networks; the second detector is loaded when it is needed first."""

    frontal: Any
    landmarks: Any
    encoder: Any


def main() -> None:
    """Answer for each photo on stdin."""
    limit_process(MEMORY_BYTES, MAX_FACES_SECONDS + MAX_FACE_SECONDS)
    models = load()
    sys.stdout.buffer.write(STARTED)  # from here on, every failure is about a photo
    sys.stdout.buffer.flush()
    while length := sys.stdin.buffer.read(4):
        grant_seconds(MAX_FACE_SECONDS)
        png = sys.stdin.buffer.read(int.from_bytes(length))
        sys.stdout.buffer.write(json.dumps(faces_of(png, models)).encode() + b"\n")
        sys.stdout.buffer.flush()


def load() -> Models:
    """Return the models."""
    return Models(
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(weights(LANDMARKS)),
        dlib.face_recognition_model_v1(weights(ENCODER)),
    )


def weights(name: str) -> str:
    """Return the path of a file with weights."""
    return str(files(WEIGHTS_PACKAGE).joinpath(name))


def faces_of(png: bytes, models: Models) -> list[dict[str, Any]]:
    """Return the fields of FoundFace for each face of a photo, the largest first."""
    photo = Image.open(io.BytesIO(png)).convert("RGB")
    small, scale = scaled(photo, MAX_SIDE)
    found, scores, _ = models.frontal.run(small, 0, MIN_SCORE)
    upright = True
    if not found:
        upright = False
        small, scale = scaled(photo, NETWORK_SIDE)
        network = dlib.cnn_face_detection_model_v1(weights(NETWORK))
        both = [(f.rect, f.confidence) for f in network(small) if f.confidence > MIN_NETWORK_SCORE]
        found, scores = [box for box, _ in both], [score for _, score in both]
    faces = [
        {
            **measured(small, box, models, full=photo, scale=scale),
            "score": round(score, 3),
            "upright": upright,
        }
        for box, score in zip(found, scores, strict=True)
    ]
    return sorted(faces, key=lambda face: -float(face["height"]))


def scaled(photo: Image.Image, side: int) -> tuple[Pixels, float]:
    """Return the photo's pixels at this longer side, and the scale; at most doubled."""
    scale = min(2.0, side / max(photo.size))
    size = tuple(max(1, round(length * scale)) for length in photo.size)
    small = photo.resize((size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.ascontiguousarray(np.asarray(small)), scale


def measured(
    small: Pixels,
    box: Any,  # noqa: ANN401 - dlib's
    models: Models,
    *,
    full: Image.Image,
    scale: float,
) -> dict[str, Any]:
    """Return what a face measures; its clarity comes from the photo in full size."""
    points = models.landmarks(small, box)
    places = [(point.x, point.y) for point in points.parts()]
    descriptor = models.encoder.compute_face_descriptor(small, points)
    height = box.height() / scale
    return {
        "height": round(height, 1),
        "share": round(height / min(full.size), 3),
        "clarity": round(clarity(full, [side / scale for side in corners(box)]), 3),
        "turn": round(turn_of(places), 3),
        "iris_contrast": round(iris_contrast(Image.fromarray(small).convert("L"), places), 3),
        "embedding": list(descriptor),
        "box": [round(side / scale, 1) for side in corners(box)],
    }


def corners(box: Any) -> tuple[int, int, int, int]:  # noqa: ANN401 - dlib's rectangle
    """Return left, top, right and bottom of a box."""
    return box.left(), box.top(), box.right() + 1, box.bottom() + 1


def turn_of(points: list[tuple[float, float]]) -> float:
    """Return how far the nose is from the middle of the eyes, along the line through the eyes.

    Args:
        points: the five landmarks: the outer and inner corner of an eye, those of the other eye,
            and the base of the nose.

    Returns:
        The distance in distances between the eyes' middles; negative to the photo's left.

    >>> turn_of([(8, 0), (6, 0), (0, 0), (2, 0), (4, 5)])
    0.0
    """
    places = np.array(points, float)
    right, left, nose = places[:2].mean(axis=0), places[2:4].mean(axis=0), places[4]
    across = right - left
    length = float(np.hypot(*across)) or 1.0
    return float((nose - (left + right) / 2) @ across / length**2)


def clarity(photo: Image.Image, box: list[float]) -> float:
    """Return the sharpness of a face, 0 to 1, measured at one size for all faces."""
    left, top, right, bottom = box
    width, height = photo.size
    inside = (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
    size = (CLARITY_SIDE, CLARITY_SIDE)
    grey = photo.convert("L").resize(size, Image.Resampling.BOX, box=inside, reducing_gap=2.0)
    level = np.asarray(grey, float)
    middle = level[1:-1, 1:-1]
    around = level[:-2, 1:-1] + level[2:, 1:-1] + level[1:-1, :-2] + level[1:-1, 2:]
    variance = float((around - 4 * middle).var())
    return variance / (variance + CLARITY_HALF)


if __name__ == "__main__":
    main()
