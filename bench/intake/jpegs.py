"""JPEGs as phones, cameras, printers and attackers write them."""

import io
import struct
from collections.abc import Callable, Iterator
from functools import partial

from PIL import Image

from bench.intake.pictures import SIDE, Option, encoded, photo, scene

Rows = Iterator[tuple[str, Callable[[], bytes], str | None]]

END = b"\xff\xd9"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED = b"http://ns.adobe.com/xmp/extension/\0"
HDR = b'<rdf:Description hdrgm:Version="1.0" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>'
LAUGHS = b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;'>]><x>&b;</x>"
WAYS: dict[str, dict[str, Option]] = {
    "baseline": {"quality": 80},
    "progressive": {"quality": 80, "progressive": True},
    "restart": {"quality": 80, "restart_marker_blocks": 4},
    "optimised": {"quality": 40, "optimize": True},
}


def groups() -> tuple[Rows, ...]:
    """Return every group of files."""
    return phones(), colours(), oversized(), incomplete(), not_taken()


def segment(marker: int, payload: bytes) -> bytes:
    """Return one marker segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def with_head(*parts: bytes, body: bytes | None = None) -> bytes:
    """Return a JPEG with these bytes right behind its start mark."""
    body = photo() if body is None else body
    return body[:2] + b"".join(parts) + body[2:]


def phones() -> Rows:
    """Yield what phones and cameras write; all of it must be accepted."""
    gain_map = encoded(scene(3, (48, 48), "L"))
    film = b"\0\0\0\x18ftypmp42" + bytes(3000)
    thumbnail = segment(0xE1, b"Exif\0\0" + _exif({}, thumbnail=gain_map))
    made: dict[str, Callable[[], bytes]] = {
        "ultra hdr": lambda: with_head(segment(0xE1, XMP + HDR), _mpf(gain_map)) + gain_map,
        "mpo of two views": _mpo,
        "motion photo": lambda: with_head(segment(0xE1, XMP + b'GCamera:MotionPhoto="1"')) + film,
        "samsung trailer": lambda: photo() + b"\0\0\x30\x0aImage_UTC_Data16" + b"SEFH" + b"SEFT",
        "huawei depth trailer": lambda: photo() + bytes(20_000) + b"edof" + bytes(30_000),
        "jpeg behind a jpeg": lambda: photo() + photo(),
        "portrait with extended xmp": lambda: with_head(
            segment(0xE1, XMP + b"<x/>"), *[segment(0xE1, EXTENDED + bytes(65_000))] * 60
        ),
        "exif thumbnail": lambda: with_head(thumbnail),
        "jfif thumbnail": lambda: with_head(segment(0xE0, b"JFXX\0\x10" + gain_map[:60_000])),
        "maker note of 60 kB": lambda: with_head(
            segment(0xE1, b"Exif\0\0" + _exif({0x927C: 60_000}))
        ),
        "photoshop resources": lambda: with_head(segment(0xED, b"Photoshop 3.0\0" + _resources())),
        "flashpix": lambda: with_head(segment(0xE2, b"FPXR\0" + bytes(3000))),
        "c2pa manifest": lambda: with_head(*[segment(0xEB, b"JP\0\1" + bytes(60_000))] * 8),
        "iso 21496 gain map": lambda: with_head(
            segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0")
        ),
        "comment of 60 kB": partial(photo, comment=b"x" * 60_000),
        "without an end mark": lambda: photo().removesuffix(END),
        "progressive without an end mark": lambda: photo(progressive=True).removesuffix(END),
        "orientation in xmp only": lambda: with_head(segment(0xE1, XMP + b'tiff:Orientation="6"')),
    }
    for name, make in made.items():
        yield f"jpeg {name}", make, None


def colours() -> Rows:
    """Yield colour models, samplings and profiles that must be accepted."""
    cmyk = encoded(scene(mode="CMYK"), quality=90)
    adobe = cmyk.index(b"Adobe") + 11
    made: dict[str, Callable[[], bytes]] = {
        "ycck": lambda: cmyk[:adobe] + b"\2" + cmyk[adobe + 1 :],
        "rgb without conversion": partial(photo, keep_rgb=True),
        "grey progressive": partial(photo, mode="L", progressive=True),
        "cmyk progressive": partial(photo, mode="CMYK", progressive=True),
        "quality 1": partial(photo, quality=1),
        "quality 100": partial(photo, quality=100, subsampling=0),
        "profile of 200 kB in parts": partial(photo, icc_profile=bytes(200_000)),
        "profile with a missing part": lambda: with_head(
            segment(0xE2, b"ICC_PROFILE\0\1\3" + bytes(99))
        ),
        "profile parts in another order": lambda: with_head(
            segment(0xE2, b"ICC_PROFILE\0\2\2" + bytes(99)),
            segment(0xE2, b"ICC_PROFILE\0\1\2" + bytes(99)),
        ),
        "adobe segment twice": lambda: with_head(*[segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")] * 2),
    }
    for sampling in (0, 1, 2):
        made[f"sampling {sampling}"] = partial(photo, subsampling=sampling)
    for name, make in made.items():
        yield f"jpeg {name}", make, None


def oversized() -> Rows:
    """Yield JPEGs in which something is very large; the picture itself is well."""
    laughs = segment(0xE1, XMP + LAUGHS)
    bomb = segment(0xE1, b"Exif\0\0" + _overlapping_exif())
    loop = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0")
    tall = segment(0xE1, b"Exif\0\0" + _exif({}, thumbnail=_tall(photo())))
    made: dict[str, Callable[[], bytes]] = {
        "18 MB of fill bytes in front": lambda: with_head(b"\xff" * 18_000_000),
        "18 MB of fill bytes at the end": lambda: photo()[:-2] + b"\xff" * 18_000_000 + END,
        "18 MB of fill bytes before a scan": lambda: _before_scan(b"\xff" * 18_000_000),
        "fill bytes between all segments": lambda: _filled(b"\xff" * 9000),
        "18 MB of junk between segments": lambda: _before_scan(b"\x01" * 18_000_000),
        "19 MB behind the end": lambda: photo() + bytes(19_000_000),
        "300 exif segments, 19 MB": lambda: with_head(
            *[segment(0xE1, b"Exif\0\0" + bytes(64_000))] * 300
        ),
        "290 comments, 19 MB": lambda: with_head(*[segment(0xFE, bytes(65_000))] * 290),
        "4000 small segments": lambda: with_head(*[segment(0xE9, b"x")] * 4000),
        "exif with 5000 large tags": lambda: with_head(bomb),
        "exif that leads to itself": lambda: with_head(loop),
        "thumbnail that claims 65000 pixels": lambda: with_head(tall),
        "xmp of a billion laughs": lambda: with_head(laughs),
        "xmp with an external entity": lambda: with_head(
            segment(0xE1, XMP + b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>")
        ),
    }
    for name, make in made.items():
        yield f"jpeg {name}", make, None


def incomplete() -> Rows:
    """Yield JPEGs with missing data behind which an end mark was appended."""
    for way in WAYS:
        for share in (0.3, 0.5, 0.7, 0.9, 0.98):
            cut = partial(mended, way, share)
            yield f"jpeg {way} cut at {share} and mended", cut, "damaged_image"
    made: dict[str, Callable[[], bytes]] = {
        "without its last scans": _without_last_scans,
        "with its first scan only": _first_scan_only,
        "higher than its data": lambda: _taller(photo()),
        "with a restart interval cut": _cut_interval,
        "with two start marks": lambda: with_head(b"\xff\xd8"),
        "cut where a film follows": lambda: photo()[:-600] + b"\xff\xd8" + bytes(900),
        "with data of one row": lambda: mended("baseline", 0.08),
        "without any data": lambda: photo()[: photo().index(b"\xff\xda") + 14] + END,
        "with a scan of no component": lambda: _changed(b"\xff\xda", 4, 0),
        "with a frame of no component": lambda: _changed(b"\xff\xc0", 9, 0),
        "with a frame of nine components": lambda: _changed(b"\xff\xc0", 9, 9),
        "with a sampling of zero": lambda: _changed(b"\xff\xc0", 11, 0),
        "of no height": lambda: _changed(b"\xff\xc0", 5, 0, 0),
        "of no width": lambda: _changed(b"\xff\xc0", 7, 0, 0),
        "with two frames": lambda: _before_scan(_frame(photo())),
        "with a scan before its frame": lambda: with_head(segment(0xDA, b"\1\1\0\0\x3f\0")),
        "with a segment of no length": lambda: with_head(b"\xff\xe5\0\0"),
        "with a segment beyond its end": lambda: photo()[:2] + b"\xff\xe5\xff\xff" + bytes(99),
        "with a profile of 16 MB": lambda: with_head(
            *[
                segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 250]) + bytes(65_000))
                for n in range(1, 251)
            ]
        ),
        "without quantization tables": lambda: _without(0xDB),
    }
    for name, make in made.items():
        yield f"jpeg {name}", make, "damaged_image"


def not_taken() -> Rows:
    """Yield codings that no phone writes, and work that is too long."""
    for marker, name in (
        (0xC3, "lossless"),
        (0xC5, "hierarchical"),
        (0xC9, "arithmetic-coded"),
        (0xCA, "arithmetic-coded progressive"),
        (0xCB, "arithmetic-coded lossless"),
        (0xF7, "jpeg-ls"),
    ):
        yield f"jpeg {name}", partial(_changed, b"\xff\xc0", 1, marker), "format_not_taken"
    for bits in (12, 16):
        yield f"jpeg of {bits} bits", partial(_changed, b"\xff\xc0", 4, bits), "format_not_taken"
    yield "jpeg 10,000 segments", lambda: with_head(*[b"\xff\xe9\0\2"] * 10_000), "too_complex"
    yield "jpeg 4 million segments", lambda: with_head(b"\xff\xe9\0\2" * 4_000_000), "too_complex"
    for scans in (70, 900):
        yield f"jpeg {scans} scans", partial(_many_scans, scans), "too_complex"
    size = struct.pack(">HH", 7000, 7100)
    cmyk = partial(photo, mode="CMYK", progressive=True)
    yield "jpeg of too many coefficients", lambda: _sized(cmyk(), size), "too_complex"
    rgb = partial(photo, progressive=True, subsampling=0)
    yield "jpeg of too many samples", lambda: _sized(_many_scans(60, rgb()), size), "too_complex"


def mended(way: str, share: float) -> bytes:
    """Return a JPEG whose data is cut and ended with an end mark."""
    body = encoded(scene(5, (2 * SIDE, 2 * SIDE)), **WAYS[way])
    start = body.index(b"\xff\xda") + 20
    return body[: start + int((len(body) - start) * share)] + END


def _changed(mark: bytes, offset: int, *values: int) -> bytes:
    """Return a JPEG with other bytes at this distance from a marker."""
    body = bytearray(photo())
    at = body.index(mark) + offset
    body[at : at + len(values)] = bytes(values)
    return bytes(body)


def _sized(body: bytes, size: bytes) -> bytes:
    at = body.index(b"\xff\xc2") + 5
    return body[:at] + size + body[at + 4 :]


def _frame(body: bytes) -> bytes:
    at = body.index(b"\xff\xc0")
    return body[at : at + 2 + struct.unpack_from(">H", body, at + 2)[0]]


def _taller(body: bytes) -> bytes:
    at = body.index(b"\xff\xc0") + 5
    return body[:at] + struct.pack(">H", SIDE + 16) + body[at + 2 :]


def _tall(body: bytes) -> bytes:
    at = body.index(b"\xff\xc0") + 5
    return body[:at] + b"\xfd\xe8\xfd\xe8" + body[at + 4 :]


def _before_scan(data: bytes) -> bytes:
    body = photo()
    at = body.index(b"\xff\xda")
    return body[:at] + data + body[at:]


def _filled(fill: bytes) -> bytes:
    body = photo()
    for mark in (b"\xff\xdb", b"\xff\xc0", b"\xff\xc4", b"\xff\xda"):
        body = body.replace(mark, fill + mark)
    return body


def _without(marker: int) -> bytes:
    body = photo()
    while (at := body.find(bytes([0xFF, marker]))) >= 0:
        body = body[:at] + body[at + 2 + struct.unpack_from(">H", body, at + 2)[0] :]
    return body


def _without_last_scans() -> bytes:
    body = photo(progressive=True)
    return body[: body.rindex(b"\xff\xda")] + END


def _first_scan_only() -> bytes:
    body = photo(progressive=True)
    first = body.index(b"\xff\xda")
    return body[: body.index(b"\xff\xc4", first)] + END


def _many_scans(count: int, body: bytes | None = None) -> bytes:
    body = photo(progressive=True) if body is None else body
    last = body.rindex(b"\xff\xda")
    return body[:-2] + body[last:-2] * count + END


def _cut_interval() -> bytes:
    body = encoded(scene(5, (2 * SIDE, 2 * SIDE)), **WAYS["restart"])
    first = body.index(b"\xff\xd2") + 2
    second = body.index(b"\xff\xd3", first)
    return body[: first + (second - first) // 3] + body[second:]


def _mpo() -> bytes:
    out = io.BytesIO()
    scene().save(out, "MPO", save_all=True, append_images=[scene(2)])
    return out.getvalue()


def _mpf(second: bytes) -> bytes:
    """Return the segment that announces a second picture behind the first."""
    entries = struct.pack("<4I", 0x030000, 9000, 0, 0) + struct.pack("<4I", 0, len(second), 9000, 0)
    tags = struct.pack("<H", 3)
    tags += struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 2)
    tags += struct.pack("<HHII", 0xB002, 7, 32, 50) + bytes(4)
    return segment(0xE2, b"MPF\0II*\0\x08\0\0\0" + tags + entries)


def _exif(tags: dict[int, int], thumbnail: bytes = b"") -> bytes:
    """Return EXIF data with tags of so many bytes, and a thumbnail."""
    exif = Image.Exif()
    for tag, size in tags.items():
        exif.get_ifd(0x8769)[tag] = bytes(size)
    return exif.tobytes().removeprefix(b"Exif\0\0") + thumbnail[:50_000]


def _overlapping_exif() -> bytes:
    """Return EXIF data with 5,000 tags that share one value of 5 kB."""
    tag = b"".join(struct.pack("<HHII", 0x9000 + n, 7, 5000, 60_008) for n in range(4990))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 4990) + tag + bytes(65_000 - 10 - len(tag))


def _resources() -> bytes:
    return b"".join(b"8BIM" + struct.pack(">HHI", 1000 + n, 0, 60) + bytes(60) for n in range(500))
