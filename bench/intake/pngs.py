"""PNGs with every kind of row, chunk and fault."""

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial

from PIL import Image

from bench.intake.pictures import SIDE, photo
from runtime.imaging.png_integrity import rows_length

Rows = Iterator[tuple[str, Callable[[], bytes], str | None]]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = {"grey": 0, "rgb": 2, "palette": 3, "grey with alpha": 4, "rgb with alpha": 6}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def groups() -> tuple[Rows, ...]:
    """Return every group of files."""
    return forms(), odd_chunks(), incomplete(), broken()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def made(  # noqa: PLR0913 - a header's fields
    bits: int,
    colour: int,
    *,
    adam7: bool = False,
    share: float = 1,
    extra: bytes = b"",
    filters: int = 0,
) -> bytes:
    """Return a PNG whose rows hold random samples, or the first share of its rows."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, bits, colour, 0, 0, adam7)
    length = rows_length(header)
    rows = bytearray(random.Random(bits).randbytes(length))  # noqa: S311 - the same every time
    for at in _filter_places(bits, colour, adam7=adam7):
        rows[at] = filters
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if colour == COLOURS["palette"] else b""
    if palette:
        palette = chunk(b"PLTE", (bytes(range(256)) * 3)[: 3 * 2**bits])
    data = chunk(b"IDAT", zlib.compress(bytes(rows[: int(length * share)])))
    return SIGNATURE + chunk(b"IHDR", header) + palette + extra + data + chunk(b"IEND", b"")


def _filter_places(bits: int, colour: int, *, adam7: bool) -> Iterator[int]:
    """Yield the position of each row's filter byte."""
    depth = bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = ((8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2)) if adam7 else ((1, 1),)
    at = 0
    for step, leap in passes:
        for _ in range(SIDE // leap):
            yield at
            at += 1 + (SIDE // step * depth + 7) // 8


def forms() -> Rows:
    """Yield every colour type and depth, straight and interlaced; all must be accepted."""
    for name, colour in COLOURS.items():
        for bits in DEPTHS[colour]:
            for adam7 in (False, True):
                ending = ", interlaced" if adam7 else ""
                yield (
                    f"png {name} of {bits} bits{ending}",
                    partial(made, bits, colour, adam7=adam7),
                    None,
                )
    clear = chunk(b"tRNS", b"\0\1\0\2\0\3")
    yield "png rgb with a clear colour", partial(made, 8, 2, extra=clear), None
    yield "png grey with a clear colour", partial(made, 8, 0, extra=chunk(b"tRNS", b"\0\7")), None
    yield (
        "png palette with alpha",
        partial(made, 8, 3, extra=chunk(b"tRNS", bytes(range(200)))),
        None,
    )


def odd_chunks() -> Rows:
    """Yield PNGs with unusual chunks; all must be accepted."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = exif.tobytes()
    raw = b"Raw profile type exif\0"
    text = b"\nexif\n      26\n" + turned.hex().encode()
    kinds = {
        "orientation in exif": chunk(b"eXIf", turned.removeprefix(b"Exif\0\0")),
        "orientation in a text": chunk(b"tEXt", raw + text),
        "orientation in a packed text": chunk(b"zTXt", raw + b"\0" + zlib.compress(text)),
        "orientation in xmp": chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0tiff:Orientation="6"'),
        "text of 100 kB": chunk(b"iTXt", b"k\0\0\0\0\0" + b"x" * 100_000),
        "text of 18 MB": chunk(b"tEXt", b"k\0" + b"x" * 18_000_000),
        "5000 texts": chunk(b"tEXt", b"k\0x") * 5000,
        "gamma and chromaticities": chunk(b"gAMA", struct.pack(">I", 45455))
        + chunk(b"cHRM", bytes(32)),
        "physical size": chunk(b"pHYs", bytes(9)),
        "modern colour chunk": chunk(b"cICP", b"\x0c\x0d\0\1"),
        "broken profile": chunk(b"iCCP", b"p\0\0" + b"no zlib"),
        "broken checksum of a text": chunk(b"tEXt", b"k\0x")[:-1] + b"?",
        "unknown chunk": chunk(b"prVt", bytes(5000)),
        "animation of one frame": chunk(b"acTL", struct.pack(">II", 1, 0)),
        "exif that is broken": chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
        "c2pa manifest": chunk(b"caBX", bytes(200_000)),
    }
    for name, extra in kinds.items():
        yield f"png with {name}", partial(made, 8, 2, extra=extra), None
    yield "png with data in pieces of one byte", lambda: _in_pieces(photo("PNG")), None
    yield "png with bytes behind its end", lambda: photo("PNG") + bytes(50_000), None
    yield "png without its end", lambda: photo("PNG")[:-12], None


def incomplete() -> Rows:
    """Yield PNGs without all of their rows, in valid streams."""
    for adam7 in (False, True):
        for share in (0, 0.05, 0.3, 0.5, 0.9, 0.999):
            ending = "interlaced " if adam7 else ""
            make = partial(made, 8, 2, adam7=adam7, share=share)
            yield f"png {ending}with {share} of its rows", make, "damaged_image"
    yield "png interlaced palette half", partial(made, 4, 3, adam7=True, share=0.5), "damaged_image"
    yield (
        "png interlaced 16 bits half",
        partial(made, 16, 6, adam7=True, share=0.5),
        "damaged_image",
    )


def broken() -> Rows:
    """Yield PNGs that are broken, or ask for too much."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    whole = photo("PNG")
    damaged: dict[str, Callable[[], bytes]] = {
        "with two headers": lambda: SIGNATURE + chunk(b"IHDR", header) + whole[8:],
        "with a short header": lambda: SIGNATURE + chunk(b"IHDR", header[:9]) + whole[33:],
        "with colour type 5": partial(_headed, 8, 5),
        "with a depth of 3 bits": partial(_headed, 3, 0),
        "rgb of 4 bits": partial(_headed, 4, 2),
        "without its palette": lambda: made(8, 3).replace(b"PLTE", b"pLTE"),
        "with a filter that does not exist": partial(made, 8, 2, filters=9),
        "with a broken stream": lambda: whole.replace(b"IDAT\x78", b"IDAT\x00"),
        "with a stream of random bytes": lambda: _data(random.Random(1).randbytes(3000)),  # noqa: S311
        "with a dictionary in its stream": lambda: _data(b"\x78\xbb" + bytes(900)),
        "with a length of 2 GB": lambda: whole[:33] + b"\x7f\xff\xff\xffIDAT" + whole[41:],
        "with a profile bomb": lambda: made(
            8, 2, extra=chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(9_000_000)))
        ),
        "cut within its last row": lambda: whole[:-80] + whole[-12:],
    }
    for name, make in damaged.items():
        yield f"png {name}", make, "damaged_image"
    texts = chunk(b"tEXt", b"k\0x") * 200_000
    yield "png with 200,000 texts", partial(made, 8, 2, extra=texts), "too_complex"
    yield (
        "png with a million empty chunks",
        partial(made, 8, 2, extra=chunk(b"teSt", b"") * 1_000_000),
        "too_complex",
    )
    yield (
        "png of apple's variant",
        lambda: SIGNATURE + chunk(b"CgBI", bytes(4)) + whole[8:],
        "format_not_taken",
    )
    frames = chunk(b"acTL", struct.pack(">II", 9, 0))
    yield "png that announces nine frames", partial(made, 8, 2, extra=frames), "animated_image"
    for width in (2**31 - 1, 60_000):
        huge = struct.pack(">IIBBBBB", width, 9000, 8, 2, 0, 0, 1)
        yield f"png of {width} pixels, interlaced", partial(_with_header, huge), "too_many_pixels"


def _headed(bits: int, colour: int) -> bytes:
    header = struct.pack(">IIBBBBB", SIDE, SIDE, bits, colour, 0, 0, 0)
    return _with_header(header)


def _with_header(header: bytes) -> bytes:
    return SIGNATURE + chunk(b"IHDR", header) + photo("PNG")[33:]


def _data(stream: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def _in_pieces(body: bytes) -> bytes:
    at = body.index(b"IDAT")
    (length,) = struct.unpack_from(">I", body, at - 4)
    pieces = (chunk(b"IDAT", bytes([byte])) for byte in body[at + 4 : at + 4 + length])
    return body[: at - 4] + b"".join(pieces) + body[at + 8 + length :]
