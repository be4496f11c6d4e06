"""The judge for real photos: a face encoder that OpenCV runs, with the base's face detector.

The base's judge folder has ``judge.json``, {"kind": "face", "recognizer": FILE}, and that file: an
ONNX network as ``cv2.FaceRecognizerSF`` takes it, (1, 3, 112, 112) RGB of 0 to 255 in, an embedding
out. OpenCV's own is SFace (opencv_zoo, Apache-2.0). It reads no attributes, so prompt following is
not measured.

Source of the template: Deng et al. 2019, ArcFace, arXiv 1801.07698; the eyes of its five points.
"""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from trainer.evaluation.ranking import MAX_SIMILARITY
from trainer.faces import Detector, Face, Pixels, Point, by_size

SIDE = 112
LEFT_EYE, RIGHT_EYE = (38.2946, 51.6963), (73.5318, 51.5014)
"""The positions of the eyes in the encoder's SIDE x SIDE input; left and right in the image."""

DEFAULT_EYES = (0.33, 0.4), (0.67, 0.4)
"""The usual positions of eyes as shares of a face's box, for a face without detected eyes."""


class FaceJudgeSettings(BaseModel):
    """The content of ``judge.json``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["face"]
    recognizer: str
    """The encoder's file name in the same folder."""


class FaceJudge:
    """Compares people by their faces and measures nothing else."""

    max_photo_similarity = MAX_SIMILARITY

    def __init__(self, detector: Detector, recognizer: Path) -> None:
        """Read the network.

        Raises:
            ValueError: the file cannot be read, or the network does not take a face.
        """
        self._detector = detector
        try:
            self._recognizer = cv2.FaceRecognizerSF.create(str(recognizer), "")
            self._width = self._encode(np.zeros((SIDE, SIDE, 3), np.uint8)).numel()
        except cv2.error as error:
            raise ValueError(recognizer.name) from error

    def identities(self, images: list[Image.Image]) -> Tensor:
        """Return (N, D) float32 of the largest faces; a row of zeros where there is no face."""
        return torch.stack([self._identity(np.asarray(i.convert("RGB"))) for i in images])

    def follows(self, _prompt: str, _image: Image.Image) -> tuple[int, int]:
        """Return (0, 0): this judge reads no attributes."""
        return 0, 0

    def circumstances(self, _class_prompt: str) -> tuple[str, ...]:
        """Return (): this judge knows no circumstances."""
        return ()

    def describe(self, _image: Image.Image) -> str:
        """Return "": this judge describes nothing."""
        return ""

    def _identity(self, pixels: Pixels) -> Tensor:
        faces = by_size(self._detector.find(pixels))
        if not faces:
            return torch.zeros(self._width)
        upright = cv2.warpAffine(pixels, to_template(*eyes_of(faces[0])), (SIDE, SIDE))
        return torch.nn.functional.normalize(self._encode(upright), dim=-1)

    def _encode(self, face: Pixels) -> Tensor:
        """Return the embedding of an upright face, (D,); the encoder takes BGR."""
        feature = self._recognizer.feature(np.ascontiguousarray(face[..., ::-1]))
        return torch.from_numpy(np.array(feature, np.float32).ravel())


def eyes_of(face: Face) -> tuple[Point, Point]:
    """Return a face's eyes; the usual positions if they were not detected or are the same point.

    >>> eyes_of(Face(10, 20, 100, 100, 1.0))
    ((43.0, 60.0), (77.0, 60.0))
    """
    if face.eyes is not None and face.eyes[0] != face.eyes[1]:
        return face.eyes
    left, right = (
        (face.left + across * face.width, face.top + down * face.height)
        for across, down in DEFAULT_EYES
    )
    return left, right


def to_template(left: Point, right: Point) -> NDArray[np.float64]:
    """Return the (2, 3) matrix that rotates, scales and moves two eyes to the template's.

    >>> bool(np.allclose(to_template(LEFT_EYE, RIGHT_EYE), np.eye(2, 3)))
    True
    """
    seen, wanted = complex(*right) - complex(*left), complex(*RIGHT_EYE) - complex(*LEFT_EYE)
    turn = wanted / seen
    move = complex(*LEFT_EYE) - turn * complex(*left)
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])
