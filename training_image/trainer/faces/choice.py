"""The choice of the face detector: the operator's, otherwise the base's, otherwise the image's.

``$LIKENESS_FACE_DETECTOR`` (the stack's FaceDetector) is ``dlib``, ``retinaface``, ``haar``,
``drawn`` or ``none``; without it the base's card decides, which knows whether its people are drawn;
without a card's choice ``$LIKENESS_IMAGE_FACE_DETECTOR`` does, which the image was built with. If
the chosen detector cannot be loaded, the job's tasks fail.
"""

import os
from functools import lru_cache
from pathlib import Path

from trainer.faces import Detector
from trainer.model.base import Base
from trainer.process.results import TrainingError

DETECTOR_VARIABLE, WEIGHTS_VARIABLE = "LIKENESS_FACE_DETECTOR", "LIKENESS_RETINAFACE_WEIGHTS"
IMAGE_VARIABLE = "LIKENESS_IMAGE_FACE_DETECTOR"
WEIGHTS = Path("/opt/program/retinaface.safetensors")
"""The file that the Dockerfile writes."""


def chosen_detector(base: Base) -> str:
    """Return the name of the chosen detector; ``none`` where nobody chose one."""
    of_operator = os.environ.get(DETECTOR_VARIABLE)
    return of_operator or base.card.face_detector or os.environ.get(IMAGE_VARIABLE) or "none"


def detector_of(base: Base) -> Detector | None:
    """Return the chosen detector; None where nobody chose one.

    Raises:
        TrainingError: ``face_detector_missing``; the chosen detector cannot be loaded.
    """
    chosen = chosen_detector(base)
    if chosen == "none":
        return None
    try:
        return load_detector(chosen, base.folder, base.device.type)
    except (OSError, ImportError, KeyError) as error:
        message = f"the chosen face detector {chosen!r} cannot be loaded"
        raise TrainingError("face_detector_missing", message) from error


@lru_cache(maxsize=4)
def load_detector(name: str, base_folder: Path, device: str) -> Detector:
    """Load a detector once for all tasks.

    Raises:
        KeyError: there is no detector of this name.
        OSError: its weights are missing.
        ImportError: its package is missing.
    """
    if name == "drawn":
        from trainer.faces.drawn import DrawnDetector  # noqa: PLC0415

        return DrawnDetector(base_folder)
    if name == "dlib":
        from trainer.faces.dlib_faces import DlibDetector  # noqa: PLC0415

        return DlibDetector()
    if name == "haar":
        from trainer.faces.haar import HaarDetector  # noqa: PLC0415

        return HaarDetector()
    if name == "retinaface":
        from trainer.faces.retina import RetinaFaceDetector  # noqa: PLC0415

        return RetinaFaceDetector(Path(os.environ.get(WEIGHTS_VARIABLE, WEIGHTS)), device)
    raise KeyError(name)
