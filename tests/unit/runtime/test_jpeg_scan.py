"""A JPEG is checked by its markers: nothing is missing, and nothing but the picture remains."""

import random
from typing import Any

import pytest
from PIL import Image

from contracts.shared.rejection import PhotoRejectedError
from runtime.imaging import jpeg_scan
from runtime.imaging.decode import answer
from runtime.imaging.jpeg_scan import PAD, check_jpeg
from tests.fakes.pictures import encoded, picture

LIMITS = {"min_side": 64, "max_side": 2048, "max_pixels": 50_000_000}
END = b"\xff\xd9"
WAYS: dict[str, dict[str, Any]] = {
    "baseline": {"subsampling": 0},
    "subsampled": {"subsampling": 2},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 1},
    "optimised": {"optimize": True, "quality": 30},
}


def photo(way: str, mode: str = "RGB") -> bytes:
    noise = random.Random(3).randbytes(120 * 100 * 3)  # noqa: S311 - the same every time
    image = Image.frombytes("RGB", (120, 100), noise).resize((240, 200), Image.Resampling.BICUBIC)
    return encoded(image.convert(mode), **WAYS[way])


def code_of(body: bytes) -> str | None:
    facts, _ = answer(body, {"kind": "JPEG", **LIMITS})
    code: str | None = facts.get("refused")
    return code


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_whole_photo_is_accepted_with_and_without_its_end_mark(way: str, mode: str) -> None:
    body = photo(way, mode)
    assert code_of(body) is None
    assert code_of(body.removesuffix(END)) is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 0.98])
def test_an_end_mark_behind_half_a_photo_deceives_nobody(way: str, share: float) -> None:
    body = photo(way)
    head = body.rindex(b"\xff\xda") if "progressive" not in way else 700
    cut = head + 40 + int((len(body) - head - 60) * share)
    assert code_of(body[:cut] + END) == "damaged_image"


def test_data_that_is_missing_in_the_middle_is_noticed() -> None:
    body = photo("restarts")
    first = body.index(b"\xff\xd3") + 2
    second = body.index(b"\xff\xd4", first)
    assert code_of(body[:first] + body[first + (second - first) // 2 :]) == "damaged_image"


def test_a_progressive_photo_without_its_last_scans_is_noticed() -> None:
    body = photo("progressive")
    assert code_of(body[: body.rindex(b"\xff\xda")] + END) == "damaged_image"


def test_a_frame_that_is_higher_than_its_data_is_noticed() -> None:
    body = bytearray(photo("baseline"))
    at = body.index(b"\xff\xc0") + 5
    body[at : at + 2] = (220).to_bytes(2)
    assert code_of(bytes(body)) == "damaged_image"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\xff\xd8", b"\xff\xd8" + b"\xff" * 300_000),
        (END, b"\xff" * 300_000 + END),
        (b"\xff\xda", b"\xff" * 300_000 + b"\xff\xda"),
        (b"\xff\xd8", b"\xff\xd8" + (b"\xff\xe5\xff\xff" + b"x" * 65_533) * 30),
        (END, END + b"PK\x03\x04 behind the photo"),
    ],
)
def test_what_is_not_the_picture_is_left_out(old: bytes, new: bytes) -> None:
    body = photo("baseline").replace(old, new, 1)
    checked = check_jpeg(body, 50_000_000)
    assert len(checked.body) <= len(photo("baseline"))
    assert code_of(body) is None


def test_metadata_are_read_and_never_handed_on() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    body = encoded(picture(), exif=exif, comment=b"secret", icc_profile=b"p" * 200)
    checked = check_jpeg(body, 50_000_000)
    assert checked.exif.startswith(b"Exif")
    assert checked.profile == b"p" * 200
    assert b"Exif" not in checked.body
    assert b"secret" not in checked.body
    assert PAD in checked.padded
    assert PAD not in checked.body


@pytest.mark.parametrize("marker", [0xC3, 0xC5, 0xC9, 0xCA, 0xCF, 0xF7])
def test_frames_that_no_phone_writes_are_named(marker: int) -> None:
    body = photo("baseline").replace(b"\xff\xc0", bytes([0xFF, marker]), 1)
    assert code_of(body) == "format_not_taken"


def test_twelve_bits_are_named() -> None:
    body = bytearray(photo("baseline"))
    body[body.index(b"\xff\xc0") + 4] = 12
    assert code_of(bytes(body)) == "format_not_taken"


@pytest.mark.parametrize("extra", [b"\xff\xfe\0\2" * 6000, None])
def test_too_many_segments_or_scans_are_too_complex(extra: bytes | None) -> None:
    body = photo("progressive")
    last = body.rindex(b"\xff\xda")
    grown = body[:-2] + body[last:-2] * 70 + END if extra is None else body[:2] + extra + body[2:]
    assert code_of(grown) == "too_complex"


def test_so_many_scans_are_decoded_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    body = photo("progressive")
    scans = body.count(b"\xff\xda")
    monkeypatch.setattr(jpeg_scan, "MAX_SCANS", scans)
    assert code_of(body) is None
    monkeypatch.setattr(jpeg_scan, "MAX_SCANS", scans - 1)
    assert code_of(body) == "too_complex"


@pytest.mark.parametrize(
    "body", [b"\xff\xd8\xff", b"\xff\xd8" + END, b"\xff\xd8\xff\xda\0\2", b"\xff\xd8\xff\xe0\0\1"]
)
def test_a_broken_structure_is_damaged(body: bytes) -> None:
    with pytest.raises(PhotoRejectedError, match="damaged_image"):
        check_jpeg(body, 100)


def test_the_pad_is_no_marker_and_does_not_repeat_itself() -> None:
    assert 0xFF not in PAD
    assert len(set(PAD)) == len(PAD)
