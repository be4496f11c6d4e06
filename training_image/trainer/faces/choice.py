"""The choice of the face detector: the image's choice, otherwise the base's.

``$LIKENESS_FACE_DETECTOR`` is ``dlib``, ``retinaface``, ``haar``, ``drawn`` or ``none``; without
it the base's card decides. If the chosen detector cannot be loaded, the job's tasks fail.
"""

import os
from functools import lru_cache
from pathlib import Path

from trainer.faces import Detector
from trainer.model.base import Base
from trainer.process.results import TrainingError

DETECTOR_VARIABLE, WEIGHTS_VARIABLE = "LIKENESS_FACE_DETECTOR", "LIKENESS_RETINAFACE_WEIGHTS"
WEIGHTS = Path("/opt/program/retinaface.safetensors")
"""The file that the Dockerfile writes."""


def chosen_detector(base: Base) -> str:
    """Return the name of the detector that the image or the base chose; ``none`` for neither."""
    return os.environ.get(DETECTOR_VARIABLE) or base.card.face_detector or "none"


def detector_of(base: Base) -> Detector | None:
    """Return the detector that the image or the base chose; None if neither did.

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
