"""The owner hears which photos the trainer left out; their names stay in the account."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.changed_settings import REFUSING
from tests.e2e.stack import SMALL, Stack, photos

SECRET = "anna-schmidt"


@pytest.fixture
def refusing_training(stack: Stack) -> Iterator[None]:
    """Use the trainer that refuses photos with a certain caption, for one test."""
    with stack.launching(TRAINING_IMAGE_URI=f"{REFUSING}:1"):
        yield


@pytest.mark.usefixtures("refusing_training")
def test_the_owner_hears_which_photos_the_trainer_left_out_and_why(stack: Stack) -> None:
    refused = {"few": 4, "enough": 1}
    for seed, (upload, count) in enumerate(refused.items(), 61):
        files = {f"{SECRET}-{name}": body for name, body in photos(seed, 6).items()}
        captions = {f"{SECRET}-photo-{n}.txt": b"refuse" for n in range(count)}
        stack.upload(upload, files | captions, SMALL)
    for upload, code in {"few": "too_few_photos", "enough": "ready"}.items():
        execution = stack.execution(upload)
        notice = stack.notice(upload)
        assert notice["code"] == code
        assert stack.named(notice) == [
            (f"{SECRET}-photo-{n}.jpg", ["no_face"]) for n in range(refused[upload])
        ]
        assert f"The trainer left out {refused[upload]} of 6 photos" in notice["text"]
        assert SECRET not in json.dumps(notice)
        assert SECRET not in json.dumps(stack.history(execution), default=str)
