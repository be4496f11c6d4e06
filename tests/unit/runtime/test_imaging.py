"""The decoder's limits, its words for files, and what it measures, figure by figure."""

import io
import json
import struct
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageStat

from contracts.shared.rejection import PhotoRejectedError
from domain.ports.decoder import DecodeLimits
from runtime.imaging import sandbox
from runtime.imaging.decode import answer, mask_pixels, normalise_mask
from runtime.imaging.photo_metrics import fingerprint, measure
from runtime.imaging.png_integrity import SIGNATURE, check_png, chunks_of, unpacked_length
from runtime.imaging.sandbox import ChildDecoder, format_of
from runtime.imaging.sources import Source
from tests.fakes.pictures import encoded, picture

LIMITS = {"min_side": 64, "max_side": 2048, "max_pixels": 50_000_000}
SAY_LIMITS = """
import json, resource
from runtime.imaging import child_limits
child_limits.limit_process(1 << 30, 10)
names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_CORE")
print(json.dumps({name: resource.getrlimit(getattr(resource, name)) for name in names}))
"""


# --- the child ------------------------------------------------------------------------------


def test_the_child_s_memory_time_and_files_are_limited() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAY_LIMITS],
        env=sandbox.environment_of_child(),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "RLIMIT_AS": [1 << 30, 1 << 30],
        "RLIMIT_CPU": [10, 10],
        "RLIMIT_FSIZE": [0, 0],
        "RLIMIT_CORE": [0, 0],
    }


def test_the_child_sets_its_limits_before_it_reads_the_photo() -> None:
    """A photo of more bytes than the memory that it may have: it says so, and is not killed."""
    order = json.dumps({"kind": "JPEG", **LIMITS})
    child = subprocess.run(
        [sys.executable, "-m", "runtime.imaging.decode", order],
        input=b"\xff\xd8\xff" + bytes(200),
        env=sandbox.environment_of_child(),
        capture_output=True,
        check=True,
    )
    first, header, rest = child.stdout.split(b"\n", 2)
    assert (first, json.loads(header), rest) == (b"", {"refused": "damaged_image"}, b"")


def test_what_the_child_says_of_a_photo_and_of_a_mask_is_handed_on() -> None:
    photo = ChildDecoder().decode(encoded(picture()), DecodeLimits(min_side=64))
    facts, png = answer(encoded(picture()), {"kind": "JPEG", **LIMITS})
    assert (photo.png, photo.width, photo.height) == (png, facts["width"], facts["height"])
    assert (photo.codes, photo.taken) == (tuple(facts["codes"]), facts["taken"])
    assert photo.metrics is not None
    assert photo.metrics._asdict() == facts["metrics"]
    mask = encoded(Image.new("L", (80, 96), 255), "PNG")
    grey = ChildDecoder().decode_mask(mask, 40, 48, DecodeLimits(min_side=64))
    assert Image.open(io.BytesIO(grey)).size == (40, 48)


def test_a_reason_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    message = sandbox.broken("it ended", b"first\n" + b"x" * 500 + b"\n").facts["reason"]
    assert message == ("the photo decoder does not work: it ended: " + "x" * 500)[:200]
    assert sandbox.broken("it ended", b" \n ").facts["reason"] == (
        "the photo decoder does not work: it ended"
    )
    assert sandbox.broken("e", "é".encode()).facts["reason"].endswith(": ��")  # type: ignore[union-attr]
    monkeypatch.setattr(sys, "path", ["", "/a", "b"])
    path = sandbox.environment_of_child()["PYTHONPATH"]
    assert path.split(":")[0] == "/a"
    assert path.endswith("/b")
    assert path.count(":") == 1


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"RIFF\n\n\n\nWEBP", "WEBP"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"\0\0\0\x1cftypavis", "AVIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0miafavif", "AVIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x1cftypheic", "HEIF"),
        (b"\0\0\0\x1cftypheix", "HEIF"),
    ],
)
def test_a_format_is_told_by_the_first_bytes(head: bytes, name: str) -> None:
    assert format_of(head + bytes(40)) == name


@pytest.mark.parametrize(
    ("head", "code"),
    [
        *((head, "format_not_taken") for head in (b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"8BPS")),
        *((head, "format_not_taken") for head in (b"%PDF-1.7", b"%!PS", b"<?xml", b"<svg")),
        (b"\0\0\x01\0", "format_not_taken"),
        (b"\0\0\0\x0cjP  ", "format_not_taken"),
        *((b"\0\0\0\x18ftyp" + kind, "format_not_taken") for kind in (b"msf1", b"hevc", b"qt  ")),
        *((b"\0\0\0\x18ftyp" + kind, "format_not_taken") for kind in (b"isom", b"mp4a", b"crx ")),
        (b"", "not_an_image"),
        (b"GIF7", "not_an_image"),
        (b" \xff\xd8\xff", "not_an_image"),
        (b"\0\0\0\x18ftypxxxx", "not_an_image"),
    ],
)
def test_what_is_known_and_not_taken_is_told_from_what_is_no_picture(
    head: bytes, code: str
) -> None:
    with pytest.raises(PhotoRejectedError) as caught:
        format_of(head + bytes(40))
    assert caught.value.code == code


# --- masks ----------------------------------------------------------------------------------


def mask_of(image: Image.Image, width: int = 80, height: int = 96, **limits: int) -> Any:
    return answer(
        encoded(image, "PNG"),
        {"kind": "PNG", "mask_of": [width, height], **LIMITS, **limits},
    )


def test_a_mask_is_brought_to_the_photo_s_size_and_stays_white_where_it_was() -> None:
    half = Image.new("L", (40, 48))
    half.paste(255, (20, 0, 40, 48))
    facts, png = mask_of(half)
    assert facts == {"width": 80, "height": 96}
    image = Image.open(io.BytesIO(png))
    assert (image.mode, image.size, image.info) == ("L", (80, 96), {})
    assert [image.getpixel((x, 50)) for x in (5, 75)] == [0, 255]


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((80, 96), None),
        ((81, 96), None),  # a pixel more than the photo
        ((82, 96), "mask_ignored"),
        ((96, 80), "mask_ignored"),
        ((8, 10), "mask_ignored"),
        ((7, 9), "too_small"),
    ],
)
def test_a_mask_has_the_photo_s_aspect(size: tuple[int, int], code: str | None) -> None:
    facts, _ = mask_of(Image.new("L", size, 255))
    assert facts.get("refused") == code


@pytest.mark.parametrize(
    ("grey", "code"), [(0, "mask_ignored"), (127, "mask_ignored"), (128, None)]
)
def test_a_mask_shows_something(grey: int, code: str | None) -> None:
    facts, _ = mask_of(Image.new("L", (80, 96), grey))
    assert facts.get("refused") == code


def test_a_mask_that_is_all_in_its_alpha_is_taken_from_there() -> None:
    see_through = Image.new("RGBA", (4, 4), (255, 255, 255, 0))
    see_through.paste((0, 0, 0, 255), (0, 0, 2, 4))
    assert mask_pixels(Source(see_through), 2048).tobytes() == bytes([255, 255, 0, 0] * 4)
    opaque = Image.new("RGBA", (4, 4), (255, 255, 255, 255))
    opaque.paste((0, 0, 0, 255), (0, 0, 2, 4))
    assert mask_pixels(Source(opaque), 2048).tobytes() == bytes([0, 0, 255, 255] * 4)


def test_a_mask_lies_on_its_side_where_its_photo_did() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.new("L", (96, 80), 255)
    body = encoded(lying, "PNG", exif=exif)
    facts, _ = normalise_mask(body, kind="PNG", mask_of=[80, 96], **LIMITS)
    assert facts == {"width": 80, "height": 96}


@pytest.mark.parametrize("mask", [{}, {"mask_of": [96, 80]}])
def test_the_order_s_own_limit_of_pixels_holds(
    monkeypatch: pytest.MonkeyPatch, mask: dict[str, object]
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    body = encoded(picture())
    size = Image.open(io.BytesIO(body)).size
    order = {"kind": "JPEG", **LIMITS, **mask, "max_pixels": size[0] * size[1] - 1}
    assert answer(body, order) == ({"refused": "too_many_pixels"}, b"")


# --- measures -------------------------------------------------------------------------------


def test_a_plain_picture_has_no_edges_and_no_contrast() -> None:
    # Of middle grey: Pillow leaves the outermost pixels as they were, beside 128 for "no edge".
    assert measure(Image.new("RGB", (300, 200), (128, 128, 128))) == {
        "views": [0] * 204,
        "mirrored": 0,
        "sharpness": 0.0,
        "brightness": 128.0,
        "contrast": 0.0,
        "fingerprint": 0,
    }


def test_two_halves_differ_by_their_contrast_and_by_one_edge() -> None:
    halves = Image.new("RGB", (256, 256))
    ImageDraw.Draw(halves).rectangle((128, 0, 255, 255), fill=(200, 200, 200))
    found = measure(halves)
    assert (found["brightness"], found["contrast"]) == (100.0, 100.0)
    grey = np.asarray(halves.convert("L"), dtype=float)
    edges = grey.copy()  # its outermost pixels stay as they are
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    edges[1:-1, 1:-1] = np.clip(around - 4 * grey[1:-1, 1:-1] + 128, 0, 255)
    assert found["sharpness"] == pytest.approx(edges.var())
    assert found["fingerprint"] == int("00011000" * 8, 2)


@pytest.mark.parametrize(("size", "small"), [((600, 300), 128), ((300, 1), 1), ((2000, 3), 1)])
def test_all_pictures_are_measured_at_one_width(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], small: int
) -> None:
    seen: list[tuple[int, int]] = []

    class Watched(ImageStat.Stat):
        def __init__(self, image: Image.Image) -> None:
            seen.append(image.size)
            super().__init__(image)

    monkeypatch.setattr(ImageStat, "Stat", Watched)
    measure(Image.new("RGB", size))
    assert set(seen) == {(256, small), (16, 16)}, "16 x 16 cells for the colour hashes"


@pytest.mark.parametrize(
    ("columns", "bits"),
    [(range(9), "1" * 8), (range(9, 0, -1), "0" * 8), ((0, 9, 0, 9, 0, 9, 0, 9, 0), "10" * 4)],
)
def test_a_bit_says_whether_it_grows_brighter_to_the_right(columns: Any, bits: str) -> None:
    grey = Image.frombytes("L", (9, 8), bytes(value * 20 for value in columns) * 8)
    assert fingerprint(grey) == int(bits * 8, 2)


def test_rows_come_one_below_the_other() -> None:
    rows = bytes(range(9)) + bytes(range(9, 0, -1)) * 7
    assert fingerprint(Image.frombytes("L", (9, 8), rows)) == 0xFF << 56


# --- rows of a PNG --------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def png(
    rows: bytes, *, width: int = 4, bits: int = 8, colour: int = 0, interlaced: int = 0
) -> bytes:
    """A PNG of four rows' height that holds these bytes, in two chunks."""
    header = struct.pack(">IIBBBBB", width, 4, bits, colour, 0, 0, interlaced)
    packed = zlib.compress(rows)
    middle = len(packed) // 2
    parts = [chunk(b"IHDR", header), chunk(b"PLTE", bytes(3)), chunk(b"IDAT", packed[:middle])]
    parts += [chunk(b"IDAT", packed[middle:]), chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(parts)


def is_whole(body: bytes) -> bool:
    try:
        return check_png(body, 100).height == 4
    except PhotoRejectedError as error:
        return error.code != "damaged_image"


@pytest.mark.parametrize(
    ("colour", "bits", "row"),
    [(0, 8, 4), (2, 8, 12), (3, 8, 4), (4, 8, 8), (6, 8, 16), (0, 1, 1), (3, 4, 2), (6, 16, 32)],
)
def test_a_row_is_its_pixels_and_a_byte(colour: int, bits: int, row: int) -> None:
    rows = bytes(4 * (1 + row))
    assert is_whole(png(rows, colour=colour, bits=bits))
    assert not is_whole(png(rows[:-1], colour=colour, bits=bits))


def test_an_interlaced_one_has_the_rows_of_its_seven_passes() -> None:
    # 4 x 4: a pixel; none; none; a row of one (2 columns on); ... as the specification draws it.
    passes = bytes((1 + 1) + (1 + 1) + (1 + 2) + (1 + 2) * 2 + (1 + 4) * 2)
    assert is_whole(png(passes, interlaced=1))
    assert not is_whole(png(passes[:-1], interlaced=1))
    assert not is_whole(png(b"", interlaced=1))


def test_chunks_come_up_to_the_end_of_the_file() -> None:
    body = png(bytes(20))
    kinds = [kind for kind, _, _ in chunks_of(body)]
    assert kinds == [b"IHDR", b"PLTE", b"IDAT", b"IDAT", b"IEND"]
    assert [kind for kind, _, _ in chunks_of(body[:-1])] == kinds[:-1]
    assert list(chunks_of(b"")) == []
    assert [whole for _, _, whole in chunks_of(body.replace(b"PLTE", b"PLTF"))].count(False) == 1


def test_counting_stops_when_there_is_enough() -> None:
    packed = zlib.compress(bytes(5_000_000))
    assert unpacked_length([packed], 10_000_000) == 5_000_000
    pieces = [packed[:1000], packed[1000:]]
    assert 1 <= unpacked_length(pieces, 1) <= 1 << 20
    assert unpacked_length([], 10) == 0


def test_pillow_s_limit_is_what_it_was_before_a_photo_was_read() -> None:
    before = Image.MAX_IMAGE_PIXELS
    assert answer(encoded(picture()), {"kind": "JPEG", **LIMITS, "max_pixels": 1000})[1] == b""
    assert before == Image.MAX_IMAGE_PIXELS
