"""Files that claim to be photos; a file with the code ``None`` must be accepted."""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import pillow_heif
from PIL import Image, ImageCms

from bench.intake import containers, jpegs, pngs
from bench.intake.pictures import ORIENTATION, SIDE, encoded, heic, large, photo, scene
from bench.intake.profiles import SPACES
from bench.intake.profiles import profile as icc_profile

DESCRIPTION = 0x010E


class PhotoCase(NamedTuple):
    """One file."""

    name: str
    make: Callable[[], bytes]
    code: str | None
    """The code that intake must answer; None when it must accept the photo."""
    heavy: bool = False
    """Whether it takes more than half a second; the unit tests leave it out."""


def cases() -> Iterator[PhotoCase]:
    """Yield every file."""
    groups = (other_kinds(), damaged(), bombs(), odd_sizes(), good())
    for group in (*groups, *jpegs.groups(), *pngs.groups(), *containers.groups()):
        for name, make, code in group:
            yield PhotoCase(name, make, code)
    for name, make, code in heavy():
        yield PhotoCase(name, make, code, heavy=True)


Rows = Iterator[tuple[str, Callable[[], bytes], str | None]]


def heavy() -> Rows:
    """Yield photos of the largest sizes that are accepted, and one pixel row more."""
    most, more = (8640, 5780), (8640, 5790)
    yield "jpeg of 50 megapixels", lambda: encoded(large(most), quality=85), None
    progressive = partial(encoded, quality=85, progressive=True, subsampling=0)
    yield "progressive of 50 megapixels", lambda: progressive(large(most)), None
    yield "jpeg of 4095 pixels a side", lambda: encoded(large((4095, 4095)), quality=97), None
    yield "png of 50 megapixels", lambda: encoded(large(most), "PNG", compress_level=1), None
    yield "png of 50 megapixels with alpha", lambda: translucent(most), None
    yield "png of 16 bits, 16 megapixels", lambda: sixteen_bits((4000, 4000)), None
    yield "webp of 24 megapixels", lambda: encoded(large((6000, 4000)), "WEBP", method=0), None
    yield "avif of 24 megapixels", lambda: encoded(large((6000, 4000)), "AVIF", speed=10), None
    yield "heic of 12 megapixels", lambda: heic_of(large((4032, 3024))), None
    yield "heic of 48 megapixels", lambda: heic_of(large((8064, 6000))), None
    yield "jpeg of too many megapixels", lambda: encoded(large(more), quality=30), "too_many_pixels"
    for kind in ("WEBP", "AVIF"):
        make = partial(encoded, large((6000, 4100)), kind, quality=20, method=0, speed=10)
        yield f"{kind.lower()} of too many megapixels", make, "too_many_pixels"


def translucent(size: tuple[int, int]) -> bytes:
    """Return a PNG with an alpha channel."""
    image = large(size)
    image.putalpha(200)
    return encoded(image, "PNG", compress_level=1)


def sixteen_bits(size: tuple[int, int]) -> bytes:
    """Return a grey PNG of 16 bits."""
    grey = large(size, "L").convert("I").point(lambda value: value * 257)
    return encoded(grey.convert("I;16"), "PNG", compress_level=1)


def heic_of(image: Image.Image) -> bytes:
    """Return a picture as a HEIC."""
    out = io.BytesIO()
    pillow_heif.encode(image.mode, image.size, image.tobytes(), out, quality=30)
    return out.getvalue()


def other_kinds() -> Rows:
    """Yield files that are not photos, and photos of formats that are not accepted."""
    heads = {
        "empty": b"",
        "one byte": b"\xff",
        "text": b"this is not an image",
        "html error page": b"<!DOCTYPE html><h1>404</h1>",
        "encrypted": b"Salted__" + random.Random(1).randbytes(400),  # noqa: S311
        "random": random.Random(2).randbytes(4000),  # noqa: S311
        "dicom": bytes(128) + b"DICM" + bytes(60),
        "plist": b"bplist00" + bytes(60),
        "elf": b"\x7fELF" + bytes(60),
        "zip": b"PK\x03\x04" + bytes(60),
        "gzip": b"\x1f\x8b" + bytes(60),
        "json": b'{"instance_prompt": "x"}',
        "fits": b"SIMPLE  =                    T",
        "riff without webp": b"RIFF\x00\x00\x00\x00WAVE" + bytes(40),
        "html named as jpeg": b"<html></html>",
        "jpeg after spaces": b"   " + b"\xff\xd8\xff",
    }
    for name, body in heads.items():
        yield name, partial(bytes, body), "not_an_image"
    known = {
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "xml": b"<?xml version='1.0'?><svg/>",
        "pdf": b"%PDF-1.7" + bytes(40),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0" + bytes(40),
        "psd": b"8BPS\x00\x01" + bytes(40),
        "heic film": b"\0\0\0\x18ftyphevc" + bytes(40),
        "heif sequence": b"\0\0\0\x18ftypmsf1" + bytes(40),
        "mp4": b"\0\0\0\x18ftypisom" + bytes(40),
        "live photo": b"\0\0\0\x14ftypqt  " + bytes(40),
        "raw cr3": b"\0\0\0\x18ftypcrx " + bytes(40),
        "ico": b"\0\0\x01\0" + bytes(40),
        "dng": b"II*\0" + bytes(40),
    }
    for name, body in known.items():
        yield name, partial(bytes, body), "format_not_taken"
    for kind in ("GIF", "TIFF", "BMP", "JPEG2000"):
        yield kind.lower(), partial(photo, kind), "format_not_taken"
    for kind in ("PPM", "TGA", "PCX", "DDS"):
        yield kind.lower(), partial(photo, kind), "not_an_image"
    for kind in ("WEBP", "PNG", "AVIF"):
        make = partial(photo, kind, save_all=True, append_images=[scene(2), scene(3)])
        yield f"animated {kind.lower()}", make, "animated_image"


def damaged() -> Rows:
    """Yield damaged photos."""
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        for share in (0.2, 0.5, 0.9):
            yield f"{kind.lower()} cut at {share}", partial(cut, kind, share), "damaged_image"
    for share in (0.05, 0.2, 0.5, 0.9, 0.99):
        yield f"heic cut at {share}", partial(cut_heic, share), "damaged_image"
    for brand in (b"heic", b"mif1"):
        stub = b"\0\0\0\x18ftyp" + brand + bytes(40)
        yield f"{brand.decode()} stub", partial(bytes, stub), "damaged_image"
    yield "heic with flipped bytes", lambda: flipped(heic()), "damaged_image"
    yield "jpeg cut 64 bytes early", lambda: photo()[:-64], "damaged_image"
    yield "jpeg start and end only", lambda: b"\xff\xd8\xff\xd9", "damaged_image"
    yield "jpeg header only", lambda: photo()[:200], "damaged_image"
    yield "webp stub", lambda: b"RIFF\x04\0\0\0WEBP", "damaged_image"
    yield "png signature only", lambda: photo("PNG")[:8], "damaged_image"
    yield (
        "png wrong checksum",
        lambda: photo("PNG").replace(b"IDAT", b"IDAT\x55", 1),
        "damaged_image",
    )
    yield "png without pixels", lambda: png(SIDE, SIDE, None), "damaged_image"
    yield "png of no width", lambda: png(0, SIDE, b""), "damaged_image"
    yield "png of no height", lambda: png(SIDE, 0, b""), "damaged_image"
    for rows in (0, 20, 95):
        half = partial(png, SIDE, SIDE, bytes(range(97)) * rows)
        yield f"png with {rows} of 96 rows", half, "damaged_image"


def bombs() -> Rows:
    """Yield small files that decode to huge pictures."""
    for width, height in ((30_000, 30_000), (13_000, 13_000), (9400, 9400), (65_000, 1000)):
        make = partial(png, width, height, bytes(9000), bits=1)
        yield f"png bomb {width}x{height}", make, "too_many_pixels"
    for side in (65_500, 13_000):
        yield f"jpeg header {side}", partial(tall_jpeg, side), "too_many_pixels"
    yield "heic header 20000", partial(tall_heic, 20_000), "too_many_pixels"
    yield (
        "png text bomb",  # no text is unpacked, so the picture is used
        lambda: with_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(90_000_000))),
        None,
    )
    yield (
        "png profile bomb",
        lambda: with_chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(90_000_000))),
        "damaged_image",
    )


def odd_sizes() -> Rows:
    """Yield photos that are too small, too elongated or blank."""
    for width, height, code in (
        (1, 1, "too_small"),
        (63, 200, "too_small"),
        (200, 63, "too_small"),
    ):
        yield f"{width}x{height}", partial(of_size, width, height), code
    for width, height in ((70, 290), (2000, 80)):
        yield f"{width}x{height}", partial(of_size, width, height), "too_elongated"
    yield "heic of 40 pixels", lambda: heic(size=(40, 40)), "too_small"
    for mode, colour in (("RGB", "navy"), ("L", 255), ("RGBA", (9, 9, 9, 0)), ("1", 0)):
        make = partial(blank, mode, colour)
        yield f"one colour {mode}", make, "blank_image"
    hidden = scene(mode="RGBA")
    hidden.putalpha(0)
    yield "hidden under transparency", partial(encoded, hidden, "PNG"), "blank_image"


def good() -> Rows:
    """Yield unusual photos that must be accepted."""
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        yield f"plain {kind.lower()}", partial(photo, kind), None
    for value in range(2, 10):
        exif = Image.Exif()
        exif[ORIENTATION] = value
        yield f"orientation {value}", partial(photo, exif=exif), None
    for value in range(1, 9):
        yield f"heic orientation {value}", partial(heic, value), None
    for mode in ("L", "RGBA"):
        yield f"heic {mode}", partial(heic, mode=mode), None
    yield "heic of mif1 brand", lambda: heic().replace(b"ftypheic", b"ftypmif1"), None
    yield "broken exif", partial(photo, exif=b"Exif\0\0broken"), None
    script = Image.Exif()
    script[DESCRIPTION] = "<script>alert(1)</script>"
    yield "script in the description", partial(photo, exif=script), None
    for mode, kind in (
        ("L", "PNG"), ("LA", "PNG"), ("1", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("I;16", "PNG"),
        ("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "WEBP"), ("RGBA", "AVIF"),
    ):  # fmt: skip
        yield f"{mode} {kind.lower()}", partial(in_mode, mode, kind), None
    yield "progressive", partial(photo, progressive=True), None
    yield "palette with a clear colour", partial(photo, "PNG", mode="P", transparency=3), None
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name, profile in (("srgb", srgb), ("lab", lab), ("broken", b"broken")):
        yield f"{name} profile", partial(photo, icc_profile=profile), None
    for space in SPACES:
        profile = icc_profile(space)
        yield f"{space.name} profile", partial(photo, icc_profile=profile), None
        yield f"{space.name} png", partial(photo, "PNG", icc_profile=profile), None
    yield "zip behind a jpeg", lambda: photo() + b"PK\x03\x04" + bytes(5000), None
    yield "php in a comment", partial(photo, comment=b"<?php system($_GET[0]) ?>"), None
    yield "24 megapixels", lambda: encoded(scene().resize((6000, 4000)), quality=30), None


def cut_heic(share: float) -> bytes:
    """Return the first part of a HEIC photo."""
    body = heic()
    return body[: int(len(body) * share)]


def tall_heic(side: int) -> bytes:
    """Return a HEIC whose header claims to be huge."""
    body = bytearray(heic())
    struct.pack_into(">II", body, body.index(b"ispe") + 8, side, side)
    return bytes(body)


def flipped(body: bytes) -> bytes:
    """Return a file with every byte of its first boxes changed, except the brand."""
    return body[:24] + bytes(byte ^ 0x5A for byte in body[24:400]) + body[400:]


def cut(kind: str, share: float) -> bytes:
    """Return the first part of a photo."""
    body = photo(kind)
    return body[: int(len(body) * share)]


def of_size(width: int, height: int) -> bytes:
    """Return a photo of this size."""
    return encoded(scene(size=(width, height)))


def blank(mode: str, colour: str | int | tuple[int, ...]) -> bytes:
    """Return a picture of one colour."""
    return encoded(Image.new(mode, (SIDE, SIDE), colour), "PNG")


def in_mode(mode: str, kind: str) -> bytes:
    """Return a photo in another colour mode."""
    grey = scene().convert("L")
    if mode == "I;16":
        return encoded(grey.convert("I").point(lambda value: value * 257).convert("I;16"), kind)
    return encoded(grey.convert("LA") if mode == "LA" else scene(mode=mode), kind)


def tall_jpeg(side: int) -> bytes:
    """Return a JPEG whose header claims to be huge."""
    body = bytearray(photo())
    at = body.index(b"\xff\xc0") + 5
    struct.pack_into(">HH", body, at, side, side)
    return bytes(body)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes | None, bits: int = 8) -> bytes:
    """Return a grey PNG with these rows; None omits the pixel data."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    pixels = b"" if rows is None else chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def with_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG with one more chunk before its pixels."""
    body = photo("PNG")
    at = body.index(b"IDAT") - 4
    return body[:at] + chunk(kind, data) + body[at:]
