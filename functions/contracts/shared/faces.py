"""Rules about faces that intake and trainer share; docs/faces.md says how each was measured."""

import re

from contracts.documents.upload.request import TrainingRequest

SAME_ANGLE_SPREAD = 0.1
"""Largest minus smallest turn of the faces, below which all look in one direction. A turn of 0.1 is
a head turned by about 15 to 20 degrees; five official portraits of one man spread over 0.25."""

SAME_SIZE_RATIO = 1.3
"""Largest by smallest share of the faces, below which all photos are from one distance. The five
portraits have 2.0."""

REAL_FACES = frozenset({"dlib", "retinaface", "haar"})
"""Detectors of real faces, as a base's card names them."""

PEOPLE = re.compile(
    r"\b(person|people|human|man|woman|boy|girl|child|kid|baby|lady|guy|gentleman|face|portrait)\b",
    re.IGNORECASE,
)


def names_a_person(class_prompt: str) -> bool:
    """Return whether a class prompt is about people.

    >>> names_a_person("a photo of a person"), names_a_person("a photo of a mandarin")
    (True, False)
    """
    return PEOPLE.search(class_prompt) is not None


def needs_face(request: TrainingRequest) -> bool:
    """Return whether a photo without a face is refused, where there is a face detector."""
    if request.require_face is not None:
        return request.require_face
    is_requested = request.face_crop != "none" or request.mask_of == "face"
    return is_requested or names_a_person(request.class_prompt)
