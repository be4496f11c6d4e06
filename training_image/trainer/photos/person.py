"""The segmenter of people: it keeps the hair, which colours alone cannot separate.

MediaPipe's selfie segmentation, a small network that OpenCV runs; docs/faces.md has its licence and
where it comes from. For photos of real people only.
"""

from importlib.resources import files

import cv2
import numpy as np

from contracts.documents.upload.request import TrainingRequest
from contracts.shared.people.faces import names_a_person
from trainer.faces import Face, Pixels
from trainer.faces.choice import chosen_detector
from trainer.model.base import Base
from trainer.photos.background import PLAUSIBLE, GrabCutSegmenter, Mask, Segmenter
from trainer.process.results import TrainingError

WEIGHTS_PACKAGE, NETWORK = "person_weights", "selfie_segmentation.tflite"
SIDE = 256
"""The side in pixels of the network's input: the whole photo, its proportions given up."""

MIN_ON_FACE = 0.5
"""Mean of the mask on the face, below which the mask shows something else."""

DETECTORS_OF_REAL_FACES = {"dlib", "retinaface", "haar"}


def segmenter_of(base: Base, request: TrainingRequest) -> Segmenter:
    """Return the segmenter: of people where the photos show real ones, else GrabCut.

    Raises:
        TrainingError: ``option_unavailable``; the request needs a mask of a person, and the
            network is not installed.
    """
    real = chosen_detector(base) in DETECTORS_OF_REAL_FACES
    wanted = request.background != "keep" or request.use_masks is True
    if not (wanted and real and names_a_person(request.class_prompt)):
        return GrabCutSegmenter()
    try:
        return PersonSegmenter()
    except (ImportError, OSError) as error:
        message = "the segmenter of people is not installed: background and use_masks need it"
        raise TrainingError("option_unavailable", message) from error


class PersonSegmenter:
    """Separates the people on a photo from the background, with their hair."""

    def __init__(self) -> None:
        """Read the network.

        Raises:
            ImportError: the package with the network is missing.
            OSError: its file is missing.
        """
        weights = files(WEIGHTS_PACKAGE).joinpath(NETWORK).read_bytes()
        self._network = cv2.dnn.readNetFromTFLite(np.frombuffer(weights, np.uint8))

    def subject(self, pixels: Pixels, face: Face | None) -> Mask | None:
        """Return the mask of the people; None if it is implausible or leaves the face out."""
        height, width = pixels.shape[:2]
        self._network.setInput(cv2.dnn.blobFromImage(pixels, 1 / 255, (SIDE, SIDE)))
        small = np.clip(self._network.forward().reshape(SIDE, SIDE), 0, 1)
        if not PLAUSIBLE[0] < small.mean() < PLAUSIBLE[1]:
            return None
        mask: Mask = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        return None if face is not None and on_face(mask, face) < MIN_ON_FACE else mask


def on_face(mask: Mask, face: Face) -> float:
    """Return the mean of a mask on the part of a face's box that is on the photo."""
    height, width = mask.shape
    left, top = max(0, int(face.left)), max(0, int(face.top))
    right, bottom = face.left + face.width, face.top + face.height
    part = mask[top : min(height, int(bottom)), left : min(width, int(right))]
    return float(part.mean()) if part.size else 0.0
