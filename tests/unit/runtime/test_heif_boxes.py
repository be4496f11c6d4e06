"""A HEIC or AVIF is checked by its boxes: its size is the one in its bitstream."""

import io

import pillow_heif
import pytest

from bench.intake.pictures import encoded, heic, scene
from contracts.shared.rejection import PhotoRejectedError
from runtime.imaging.coded_size import Size, av1_sizes, hevc_sizes
from runtime.imaging.heif_boxes import Meta, boxes_of, check_heif, read_meta

SIZES = [(96, 96), (97, 131), (640, 200), (1000, 64)]
MOST = 50_000_000


def main_item(body: bytes) -> tuple[Meta, bytes, dict[bytes, bytes]]:
    meta = read_meta(body)
    item = meta.items[meta.primary]
    ((start, end),) = item.extents
    return meta, body[start:end], dict(meta.properties[index - 1] for index in item.properties)


@pytest.mark.parametrize("size", SIZES)
def test_av1_says_its_size(size: tuple[int, int]) -> None:
    _, data, properties = main_item(encoded(scene(size=size), "AVIF"))
    assert set(av1_sizes(data)) == {Size(*size, *size)}
    assert av1_sizes(properties[b"av1C"][4:]) in ([], [Size(*size, *size)])


@pytest.mark.parametrize("size", SIZES)
def test_hevc_says_its_size_before_and_after_it_is_cropped(size: tuple[int, int]) -> None:
    _, data, properties = main_item(heic(size=size))
    (found, *more) = hevc_sizes(properties[b"hvcC"], data)
    width, height = properties[b"ispe"][4:8], properties[b"ispe"][8:12]
    assert (found.shown_width, found.shown_height) == (
        int.from_bytes(width),
        int.from_bytes(height),
    )
    assert found.width % 8 == 0
    assert found.height % 8 == 0
    assert set(more) <= {found}


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_what_phones_write_passes(mode: str) -> None:
    assert check_heif(heic(6, mode=mode), MOST).exif.startswith((b"II*\0", b"MM\0*"))
    assert check_heif(encoded(scene(mode=mode), "AVIF"), MOST).exif == b""


def test_metadata_are_read_and_not_announced_any_more() -> None:
    checked = check_heif(heic(6), MOST)
    out = io.BytesIO(checked.body)
    assert pillow_heif.open_heif(out).info.get("exif") is None
    assert b"Exif" in heic(6)


def test_padding_at_the_end_of_whole_data_changes_no_pixel() -> None:
    checked = check_heif(heic(size=(200, 300)), MOST)
    assert checked.padded is not None
    plain = pillow_heif.open_heif(io.BytesIO(checked.body)).to_pillow()
    padded = pillow_heif.open_heif(io.BytesIO(checked.padded)).to_pillow()
    assert plain.tobytes() == padded.tobytes()


def test_a_box_lies_within_what_holds_it() -> None:
    assert list(boxes_of(b"\0\0\0\x09freeX", 0, 9)) == [(b"free", 8, 9)]
    assert list(boxes_of(b"\0\0\0\0freeXY", 0, 10)) == [(b"free", 8, 10)]
    assert list(boxes_of(b"\0\0\0\1free\0\0\0\0\0\0\0\x11X", 0, 17)) == [(b"free", 16, 17)]
    for broken in (b"\0\0\0\x0afreeX", b"\0\0\0\x07freeX", b"\0\0\0\1free\0\0\0\0\0\0\0\x0fX"):
        with pytest.raises(ValueError, match="longer than the file"):
            list(boxes_of(broken, 0, len(broken)))


def test_pixels_are_counted_by_the_boxes() -> None:
    for body in (heic(size=(200, 300)), encoded(scene(size=(200, 300)), "AVIF")):
        assert check_heif(body, 60_000)
        with pytest.raises(PhotoRejectedError, match="too_many_pixels"):
            check_heif(body, 59_999)
