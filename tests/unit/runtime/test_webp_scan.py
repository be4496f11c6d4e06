"""A WebP's chunks say how many pixels a decoder would keep, whichever chunk says it."""

from typing import Any

import pytest

from contracts.shared.rejection import PhotoRejectedError
from runtime.imaging.webp_scan import check_webp
from tests.fakes.pictures import encoded, picture

WAYS: dict[str, dict[str, Any]] = {
    "lossy": {},
    "lossless": {"lossless": True},
    "with a canvas": {"exif": b"II*\0"},
}


def photo(way: str) -> bytes:
    return encoded(picture(seed=1, size=(90, 70)), "WEBP", **WAYS[way])


@pytest.mark.parametrize("way", WAYS)
def test_so_many_pixels_are_accepted_and_no_more(way: str) -> None:
    body = photo(way)
    assert check_webp(body, 90 * 70).exif == WAYS[way].get("exif", b"")
    with pytest.raises(PhotoRejectedError, match="too_many_pixels"):
        check_webp(body, 90 * 70 - 1)


def test_a_canvas_counts_though_its_picture_is_small() -> None:
    body = bytearray(photo("with a canvas"))
    at = body.index(b"VP8X") + 12  # behind length and flags: the canvas, less 1 each
    body[at : at + 6] = (999).to_bytes(3, "little") + (599).to_bytes(3, "little")
    check_webp(bytes(body), 1000 * 600)
    with pytest.raises(PhotoRejectedError, match="too_many_pixels"):
        check_webp(bytes(body), 1000 * 600 - 1)
