"""The files of what a training draws for people: PNGs with the stack's marks."""

from collections.abc import Callable

from PIL import Image

from contracts.documents.training import TaskMarks
from contracts.marks.marking import Marker, MarkSettings, Origin, Output
from contracts.shared.pictures.mark_keys import MarkKeys, from_text

PictureEncoder = Callable[[Image.Image], bytes]
"""Returns a picture's file."""


def encoder_of(job_id: str, marks: TaskMarks | None) -> PictureEncoder:
    """Return what encodes a task's pictures; without keys they have the metadata only."""
    marker = Marker(None) if marks is None else marker_of(marks)
    origin = Origin(model=job_id, tool=f"Likeness training, model {job_id}")
    return lambda image: marker.mark(image, origin, Output("png")).file


def marker_of(marks: TaskMarks) -> Marker:
    """Return the marker with a task's keys."""
    return Marker(
        MarkKeys(from_text(marks.watermark_key), from_text(marks.signing_key)),
        MarkSettings(marks.watermark, marks.credentials, marks.label),
    )
