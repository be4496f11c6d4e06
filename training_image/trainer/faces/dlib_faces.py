"""dlib's detectors and encoder, whose weights are free for every use and come out of a package.

The same networks look at photos before training (runtime/imaging/face_child.py, docs/faces.md). The
detector of upright frontal faces looks first; where it finds nothing, the slower network looks for
faces that are turned or covered.

Sources: Dalal and Triggs 2005 (HOG); King 2015, arXiv 1502.00046 (the network's loss).
"""

from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import cv2
import dlib
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from contracts.shared.people.faces import names_a_person
from trainer.evaluation.circumstances import OF_PEOPLE
from trainer.evaluation.ranking import MAX_SIMILARITY
from trainer.faces import Face, Pixels, Point

WEIGHTS_PACKAGE = "face_weights"
"""The package without code that layers/face_weights makes."""

ENCODER = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS = "shape_predictor_5_face_landmarks.dat"
NETWORK = "mmod_human_face_detector.dat"
WIDTH = 128

MAX_SIDE, NETWORK_SIDE = 800, 480
"""The longer side in pixels at which each detector looks; a smaller photo is at most doubled."""

MIN_SCORE, MIN_NETWORK_SCORE = 0.3, 0.7
"""Smallest confidence of a face, on each detector's own scale; docs/faces.md has the figures."""

MIN_IDENTITY = 0.907
"""The gate's floor where a base sets none: the cosine of two embeddings that lie 0.6 apart, dlib's
threshold. Photos of one person have 0.95 to 1.00, those of different people 0.80 to 0.83."""


class Models(NamedTuple):
    """The networks, loaded once for all tasks."""

    frontal: Any
    network: Any
    landmarks: Any
    encoder: Any


@lru_cache(maxsize=1)
def load_models() -> Models:
    """Return the networks.

    Raises:
        OSError: a file with weights is missing.
        ImportError: the package with the weights is missing.
    """
    return Models(
        dlib.get_frontal_face_detector(),
        dlib.cnn_face_detection_model_v1(weights(NETWORK)),
        dlib.shape_predictor(weights(LANDMARKS)),
        dlib.face_recognition_model_v1(weights(ENCODER)),
    )


def weights(name: str) -> str:
    """Return the path of a file with weights.

    Raises:
        OSError: the file is missing.
        ImportError: the package is missing.
    """
    path = files(WEIGHTS_PACKAGE).joinpath(name)
    if not path.is_file():
        raise FileNotFoundError(name)
    return str(path)


class DlibDetector:
    """Detects faces on photos of real people, and their eyes."""

    def __init__(self) -> None:
        self._models = load_models()

    def find(self, pixels: Pixels) -> list[Face]:
        """Return every face."""
        return [face_of(box, score, self._models.landmarks(small, box), scale)
                for box, score, small, scale in boxes_on(pixels, self._models)]  # fmt: skip


class DlibJudge:
    """Compares people by their faces; reads no attributes, so prompts are varied but not scored."""

    min_identity, max_photo_similarity = MIN_IDENTITY, MAX_SIMILARITY

    def __init__(self) -> None:
        self._models = load_models()

    def identities(self, images: list[Image.Image]) -> Tensor:
        """Return (N, 128) float32 of the largest faces; a row of zeros where there is no face."""
        return torch.stack([self._identity(np.asarray(i.convert("RGB"))) for i in images])

    def follows(self, _prompt: str, _image: Image.Image) -> tuple[int, int]:
        """Return (0, 0): this judge reads no attributes."""
        return 0, 0

    def circumstances(self, class_prompt: str) -> tuple[str, ...]:
        """Return the suffixes that vary setting, clothing and expression of people; () for others.

        One judge serves all tasks of a job, so the prompts are chosen by the task's class.
        """
        return OF_PEOPLE if names_a_person(class_prompt) else ()

    def describe(self, _image: Image.Image) -> str:
        """Return "": this judge describes nothing."""
        return ""

    def _identity(self, pixels: Pixels) -> Tensor:
        found = boxes_on(pixels, self._models)
        if not found:
            return torch.zeros(WIDTH)
        box, _, small, _ = max(found, key=lambda one: one[0].height())
        points = self._models.landmarks(small, box)
        embedding = np.array(self._models.encoder.compute_face_descriptor(small, points))
        return torch.nn.functional.normalize(torch.from_numpy(embedding).float(), dim=-1)


def boxes_on(pixels: Pixels, models: Models) -> list[tuple[Any, float, Pixels, float]]:
    """Return each face's box and score, the scaled photo that both belong to, and its scale."""
    small, scale = scaled(pixels, MAX_SIDE)
    found, scores, _ = models.frontal.run(small, 0, MIN_SCORE)
    if found:
        return [(box, score, small, scale) for box, score in zip(found, scores, strict=True)]
    small, scale = scaled(pixels, NETWORK_SIDE)
    return [
        (one.rect, one.confidence, small, scale)
        for one in models.network(small)
        if one.confidence > MIN_NETWORK_SCORE
    ]


def scaled(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """Return the photo at this longer side, and the scale; a photo is at most doubled."""
    scale = min(2.0, side / max(pixels.shape[:2]))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small: Pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=kind)
    return np.ascontiguousarray(small), scale


def face_of(box: Any, score: float, points: Any, scale: float) -> Face:  # noqa: ANN401 - dlib's
    """Return a face in the photo's own pixels."""
    places = [(point.x / scale, point.y / scale) for point in points.parts()]
    eyes = sorted([middle(*places[:2]), middle(*places[2:4])])
    sizes = (box.left(), box.top(), box.width(), box.height())
    left, top, width, height = (size / scale for size in sizes)
    return Face(left, top, width, height, score, (eyes[0], eyes[1]))


def middle(one: Point, other: Point) -> Point:
    """Return the point between two points: an eye lies between its corners."""
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
