"""Which requests may show people, and which need a face on every photo."""

from typing import Any

import pytest

from contracts.documents.upload.request import TrainingRequest
from contracts.shared.people.faces import may_show_people, needs_face

PERSON, THING = "a photo of a woman", "a photo of a teapot"


def request(class_prompt: str, **options: Any) -> TrainingRequest:
    fields = {"instance_prompt": "a photo of sks", "class_prompt": class_prompt, **options}
    return TrainingRequest.model_validate(fields)


@pytest.mark.parametrize(
    ("class_prompt", "options", "expected"),
    [
        (PERSON, {}, True),
        (THING, {}, False),
        (THING, {"preset": "face"}, True),
        (THING, {"preset": "object"}, False),
        (THING, {"require_face": True}, True),
        (PERSON, {"require_face": False}, True),  # whatever is checked, it is somebody
        ("a photo of", {}, True),  # no class is named, as in settings of other tools
        ("a photo of", {"preset": "style"}, False),  # what is shown was said
        (THING, {"face_crop": "crop"}, True),
    ],
)
def test_photos_may_show_people(class_prompt: str, options: dict[str, Any], expected: bool) -> None:
    assert may_show_people(request(class_prompt, **options)) is expected


@pytest.mark.parametrize(
    ("class_prompt", "options", "expected"),
    [
        (PERSON, {}, True),
        (THING, {}, False),
        (PERSON, {"require_face": False}, False),
        (THING, {"require_face": True}, True),
        (THING, {"face_crop": "crop"}, True),
        (THING, {"face_crop": "auto"}, False),
        (THING, {"use_masks": True, "mask_of": "face"}, True),
        (THING, {"use_masks": True, "mask_of": "subject"}, False),
    ],
)
def test_a_face_is_needed(class_prompt: str, options: dict[str, Any], expected: bool) -> None:
    assert needs_face(request(class_prompt, **options)) is expected
