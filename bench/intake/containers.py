"""WebP, AVIF and HEIC files whose containers are unusual, or lie about what they contain."""

import struct
from collections.abc import Callable, Iterator
from functools import partial

from PIL import Image

from bench.intake.pictures import SIDE, encoded, heic, photo, scene
from runtime.imaging.heif_boxes import read_meta

_MORE, _NOT_SLICES = 128, 32

Rows = Iterator[tuple[str, Callable[[], bytes], str | None]]


def groups() -> tuple[Rows, ...]:
    """Return every group of files."""
    return good_webps(), bad_webps(), good_boxes(), bad_boxes()


def riff(chunks: bytes) -> bytes:
    """Return a WebP of these chunks."""
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def piece(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a WebP."""
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def extended(*chunks: bytes, flags: int = 0, side: int = SIDE) -> bytes:
    """Return a WebP with a head that announces more chunks."""
    size = (side - 1).to_bytes(3, "little") * 2
    return riff(
        piece(b"VP8X", struct.pack("<I", flags) + size) + photo("WEBP")[12:] + b"".join(chunks)
    )


def good_webps() -> Rows:
    """Yield WebPs that must be accepted."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = exif.tobytes().removeprefix(b"Exif\0\0")
    kinds: dict[str, Callable[[], bytes]] = {
        "lossless": partial(photo, "WEBP", lossless=True),
        "lossless with alpha": partial(photo, "WEBP", mode="RGBA", lossless=True),
        "lossy with alpha": partial(photo, "WEBP", mode="RGBA", quality=50),
        "turned": lambda: extended(piece(b"EXIF", turned), flags=8),
        "turned, with a JPEG's prefix": lambda: extended(
            piece(b"EXIF", b"Exif\0\0" + turned), flags=8
        ),
        "turned by xmp": lambda: extended(piece(b"XMP ", b'tiff:Orientation="3"'), flags=4),
        "broken exif": lambda: extended(piece(b"EXIF", b"II*\0\xff\xff\xff\xff"), flags=8),
        "exif of 60 kB": lambda: extended(piece(b"EXIF", turned + bytes(60_000)), flags=8),
        "unknown chunk": lambda: extended(piece(b"ABCD", bytes(5001))),
        "bytes behind its end": lambda: photo("WEBP") + bytes(9000),
        "broken profile": partial(photo, "WEBP", icc_profile=b"broken"),
    }
    for name, make in kinds.items():
        yield f"webp {name}", make, None


def bad_webps() -> Rows:
    """Yield WebPs that are cut and mended, or ask for too much."""
    for lossless in (False, True):
        for share in (0.2, 0.5, 0.9, 0.98):
            name = "lossless" if lossless else "lossy"
            cut = partial(mended_webp, share, lossless=lossless)
            yield f"webp {name} cut at {share} and mended", cut, "damaged_image"
    damaged: dict[str, Callable[[], bytes]] = {
        "longer than its file": lambda: photo("WEBP")[:-2],
        "chunk longer than the file": lambda: extended(b"ABCD" + struct.pack("<I", 9**9)),
        "canvas of another size": lambda: extended(side=SIDE + 40),
        "without a picture": lambda: riff(piece(b"VP8X", bytes(10))),
        "with an empty picture": lambda: riff(piece(b"VP8 ", b"")),
        "with random bytes": lambda: riff(
            piece(b"VP8L", b"\x2f\x5f\xc0\x17\0" + bytes(range(200)))
        ),
    }
    for name, make in damaged.items():
        yield f"webp {name}", make, "damaged_image"
    yield "webp of 2000 chunks", lambda: extended(piece(b"ABCD", b"x") * 2000), "too_complex"
    yield "webp header of 16000 pixels", partial(tall_webp, 16_000), "too_many_pixels"
    yield "webp canvas of 16 million pixels", lambda: extended(side=2**24), "too_many_pixels"


def mended_webp(share: float, *, lossless: bool) -> bytes:
    """Return a WebP whose data is cut and whose lengths fit again."""
    body = encoded(scene(4, (2 * SIDE, 2 * SIDE)), "WEBP", lossless=lossless)
    data = body[20:]
    return riff(piece(body[12:16], data[: int(len(data) * share)]))


def tall_webp(side: int) -> bytes:
    """Return a lossy WebP whose header claims to be huge."""
    body = photo("WEBP")
    at = body.index(b"\x9d\x01\x2a") + 3
    return body[:at] + struct.pack("<HH", side, side) + body[at + 4 :]


def good_boxes() -> Rows:
    """Yield AVIFs and HEICs that must be accepted."""
    for value in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = value
        yield f"avif turned {value}", partial(photo, "AVIF", exif=exif), None
    long = b"Exif\0\0II*\0\x08\0\0\0\0\0" + bytes(59_000)
    kinds: dict[str, Callable[[], bytes]] = {
        "avif 4:4:4": partial(photo, "AVIF", subsampling="4:4:4"),
        "avif 4:0:0": partial(photo, "AVIF", subsampling="4:0:0"),
        "avif of best quality": partial(photo, "AVIF", quality=100),
        "avif with alpha": partial(photo, "AVIF", mode="RGBA"),
        "avif in tiles": lambda: encoded(scene(2, (512, 512)), "AVIF", tile_rows=1, tile_cols=1),
        "avif with a broken profile": partial(photo, "AVIF", icc_profile=b"broken"),
        "avif with 59 kB of exif": partial(photo, "AVIF", exif=long),
        "avif with bytes behind its end": lambda: photo("AVIF") + bytes(9000),
        "avif with a free box": lambda: (
            photo("AVIF") + struct.pack(">I4s", 5008, b"free") + bytes(5000)
        ),
        "heic of odd sides": lambda: heic(size=(97, 131)),
        "heic of 200 x 640": lambda: heic(size=(200, 640)),
        "heic with bytes behind its end": lambda: heic() + bytes(9000),
        "heic with a free box": lambda: heic() + struct.pack(">I4s", 5008, b"free") + bytes(5000),
        "heic that ends in a box of no length": lambda: heic() + struct.pack(">I4s", 0, b"free"),
    }
    for name, make in kinds.items():
        yield name, make, None


def bad_boxes() -> Rows:
    """Yield AVIFs and HEICs whose boxes lie."""
    makers: dict[str, Callable[[], bytes]] = {"avif": partial(photo, "AVIF"), "heic": heic}
    for name, make in makers.items():
        for wide, high in (
            (SIDE + 200, SIDE + 200),
            (SIDE, SIDE - 20),
            (SIDE - 8, SIDE - 8),
            (SIDE + 1, SIDE),
        ):
            lying = partial(announced, make, wide, high)
            yield f"{name} that announces {wide} x {high}", lying, "damaged_image"
        for side in (8000, 65_535):
            yield (
                f"{name} that announces {side}",
                partial(announced, make, side, side),
                "too_many_pixels",
            )
        yield (
            f"{name} of 3000 pixels that announces 96",
            partial(hidden_size, name),
            "damaged_image",
        )
        yield (
            f"{name} with its place beyond the end",
            partial(misplaced, make, 9**8),
            "damaged_image",
        )
        yield (
            f"{name} without its meta box",
            partial(renamed, make, b"meta", b"free"),
            "damaged_image",
        )
        yield (
            f"{name} without its properties",
            partial(renamed, make, b"iprp", b"free"),
            "damaged_image",
        )
        yield f"{name} without a size", partial(renamed, make, b"ispe", b"free"), "damaged_image"
        yield (
            f"{name} without its places",
            partial(renamed, make, b"iloc", b"free"),
            "damaged_image",
        )
        yield (
            f"{name} without its main picture",
            partial(renamed, make, b"pitm", b"free"),
            "damaged_image",
        )
        yield (
            f"{name} with an unknown way to derive",
            partial(derived, make, b"iovl"),
            "too_complex",
        )
        yield (
            f"{name} with the identity of a picture",
            partial(derived, make, b"iden"),
            "too_complex",
        )
        yield f"{name} film", partial(with_film, make), "animated_image"
        yield f"{name} with 30,000 boxes", partial(with_boxes, make), "too_complex"
        yield (
            f"{name} with a box longer than the file",
            partial(with_long_box, make),
            "damaged_image",
        )
        yield f"{name} with a box of 5 bytes", partial(with_short_box, make), "damaged_image"
        for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
            mended = partial(mended_boxes, name, share)
            yield f"{name} cut at {share} and mended", mended, "damaged_image"
    yield "avif with a broken unit", broken_unit, "damaged_image"


def announced(make: Callable[[], bytes], width: int, height: int) -> bytes:
    """Return a photo that announces another size than its bitstream has."""
    body = bytearray(make())
    struct.pack_into(">II", body, body.index(b"ispe") + 8, width, height)
    return bytes(body)


def hidden_size(name: str) -> bytes:
    """Return a large photo that announces a small size."""
    large = scene(size=(2000, 3000))
    make = (
        partial(encoded, large, "AVIF", speed=10)
        if name == "avif"
        else partial(heic, size=large.size)
    )
    return announced(make, SIDE, SIDE)


def misplaced(make: Callable[[], bytes], offset: int) -> bytes:
    """Return a photo whose data would lie elsewhere."""
    body = make()
    meta = read_meta(body)
    start, _ = meta.items[meta.primary].extents[0]
    at = body.index(struct.pack(">I", start), body.index(b"iloc"))
    return body[:at] + struct.pack(">I", offset) + body[at + 4 :]


def renamed(make: Callable[[], bytes], old: bytes, new: bytes) -> bytes:
    """Return a photo with a box of another kind."""
    return make().replace(old, new, 1)


def derived(make: Callable[[], bytes], kind: bytes) -> bytes:
    """Return a photo whose main item is derived in another way."""
    body = bytearray(make())
    meta = read_meta(bytes(body))
    at = meta.items[meta.primary].kind_at
    body[at : at + 4] = kind
    return bytes(body)


def with_film(make: Callable[[], bytes]) -> bytes:
    """Return a photo with a film's box."""
    return make() + struct.pack(">I4s", 108, b"moov") + bytes(100)


def with_boxes(make: Callable[[], bytes]) -> bytes:
    """Return a photo behind which many empty boxes lie."""
    return make() + struct.pack(">I4s", 8, b"free") * 30_000


def with_long_box(make: Callable[[], bytes]) -> bytes:
    """Return a photo with a box that is longer than the file."""
    return make() + struct.pack(">I4s", 2**31, b"free")


def with_short_box(make: Callable[[], bytes]) -> bytes:
    """Return a photo with a box that is shorter than its own head."""
    return make() + struct.pack(">I4s", 5, b"free") + bytes(20)


def broken_unit() -> bytes:
    """Return an AVIF whose bitstream begins with a forbidden bit."""
    body = bytearray(photo("AVIF"))
    meta = read_meta(bytes(body))
    body[meta.items[meta.primary].extents[0][0]] |= 0x80
    return bytes(body)


def mended_boxes(name: str, share: float) -> bytes:
    """Return a photo whose bitstream is cut and whose lengths fit again."""
    picture = scene(4, (400, 304))
    body = encoded(picture, "AVIF") if name == "avif" else heic(size=picture.size)
    meta = read_meta(body)
    start, end = meta.items[meta.primary].extents[0]
    data = body[start:end]
    new = shorter_units(data, share) if name == "avif" else shorter_slices(data, share)
    at = body.index(struct.pack(">I", len(data)), body.index(b"iloc"))
    body = body[:at] + struct.pack(">I", len(new)) + body[at + 4 :]
    box = body.rindex(b"mdat", 0, start)
    return body[: box - 4] + struct.pack(">I", 8 + len(new)) + body[box:start] + new


def shorter_units(data: bytes, share: float) -> bytes:
    """Return AV1's units up to the first frame, which is cut."""
    out, at = b"", 0
    while True:
        kind, length_at = data[at] >> 3 & 15, at + 1
        digits = next(n for n in range(1, 9) if data[length_at + n - 1] < _MORE)
        length = sum((data[length_at + n] & 127) << 7 * n for n in range(digits))
        start = length_at + digits
        if kind in {4, 6}:  # a frame
            cut = int(length * share)
            coded = [(cut >> 7 * n & 127) | (128 if n < digits - 1 else 0) for n in range(digits)]
            return out + data[at:length_at] + bytes(coded) + data[start : start + cut]
        out += data[at : start + length]
        at = start + length


def shorter_slices(data: bytes, share: float) -> bytes:
    """Return HEVC's units up to the first slice, which is cut."""
    out, at = b"", 0
    while True:
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4] >> 1 & 63 < _NOT_SLICES:
            cut = int(length * share)
            return out + struct.pack(">I", cut) + data[at + 4 : at + 4 + cut]
        out += data[at : at + 4 + length]
        at += 4 + length
