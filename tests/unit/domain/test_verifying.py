"""Who made a picture: what anybody may know of its marks, and that nothing is kept."""

from base64 import b64encode
from typing import NoReturn

import pytest

from contracts.documents.api.verification import PictureToVerify
from contracts.shared.rejection import PhotoRejectedError
from domain.pictures.verifying import VerifyingServices, verify
from domain.ports.decoder import DecodedPhoto, DecodeLimits
from domain.ports.takedown import FoundMarks
from tests.fakes.front_door import PlainDecoder
from tests.fakes.takedown import MemoryMarks

GIVEN = PictureToVerify(picture=b64encode(b"a picture").decode())
NOON = "2026-11-29T12:00:00Z"


@pytest.mark.parametrize(
    ("found", "made_here"),
    [
        (FoundMarks("ours", "1" * 32, 7, b"k", "present", NOON), True),
        (FoundMarks("ours", "1" * 32, None, None, "off", NOON), True),
        (FoundMarks("absent", None, 7, b"k"), True),
        (FoundMarks("not_read", None, 7, b"k"), True),
        (FoundMarks("others", None, None, None), False),
        (FoundMarks("damaged", None, None, None), False),
        (FoundMarks("absent", None, None, None), False),
    ],
)
def test_either_layer_says_that_this_stack_made_it(found: FoundMarks, *, made_here: bool) -> None:
    verdict = verify(GIVEN, VerifyingServices(PlainDecoder(), MemoryMarks(found)))
    assert verdict is not None
    assert verdict.made_here is made_here
    assert verdict.watermark is (found.watermark is not None)
    assert (verdict.credentials, verdict.model) == (found.credentials, found.model)
    assert (verdict.watermark_stated, verdict.made_at) == (found.stated, found.made_at)


class RefusingDecoder(PlainDecoder):
    def decode(self, body: bytes, limits: DecodeLimits) -> NoReturn:  # noqa: ARG002
        raise PhotoRejectedError("not_an_image")


@pytest.mark.parametrize(
    ("given", "decoder"),
    [(PictureToVerify(picture="not base64"), PlainDecoder()), (GIVEN, RefusingDecoder())],
)
def test_what_is_no_picture_is_opened_by_nothing_else(
    given: PictureToVerify, decoder: PlainDecoder
) -> None:
    marks = MemoryMarks(FoundMarks("absent", None, None, None))
    assert verify(given, VerifyingServices(decoder, marks)) is None
    assert marks.read_files == []


def test_the_decoded_picture_is_read_and_the_file_for_its_credentials() -> None:
    class Decoder(PlainDecoder):
        def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
            return super().decode(b"png of " + body, limits)

    marks = MemoryMarks(FoundMarks("absent", None, None, None))
    verify(GIVEN, VerifyingServices(Decoder(), marks))
    assert marks.read_files == [(b"a picture", b"png of a picture")]
