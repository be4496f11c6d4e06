"""Archives as computers, phones and attackers make them, each with the code of intake."""

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

PHOTOS = {"a.jpg": b"\xff\xd8\xff" + b"a" * 900, "sub/b.jpg": b"\xff\xd8\xff" + b"b" * 900}
UNSAFE = ("../x.jpg", "/etc/passwd", "a/../../x", "c:\\x", "a\x01b", "a\u200bb", "n" * 501)
MAC = {"__MACOSX/._a.jpg": b"\0\5\x16\7", "._b.jpg": b"\0\5\x16\7", ".DS_Store": b"x"}
LARGE = 25_000_000


class ArchiveCase(NamedTuple):
    """One archive."""

    name: str
    make: Callable[[], bytes]
    code: str | None
    """The code that intake must answer; None when it must accept the archive."""
    heavy: bool = False
    """Whether it takes more than half a second; the unit tests leave it out."""


Rows = Iterator[tuple[str, Callable[[], bytes], str | None]]


def cases() -> Iterator[ArchiveCase]:
    """Yield every archive."""
    groups = (unsafe(), large(), good_zips(), bad_zips(), good_tars(), bad_tars(), others())
    for group in groups:
        for name, make, code in group:
            yield ArchiveCase(name, make, code)
    for name, make, code in heavy():
        yield ArchiveCase(name, make, code, heavy=True)


def unsafe() -> Rows:
    """Yield names and kinds of entries that are refused."""
    for name in UNSAFE:
        files = {"a.jpg": b"1", name: b"2"}
        yield f"zip {name[:20]!r}", partial(zipped, files), "archive_unsafe"
        yield f"tar {name[:20]!r}", partial(tarred, files), "archive_unsafe"
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE)
    for kind in kinds:
        make = partial(tarred, {"x": b""}, type=kind, linkname="/etc/passwd")
        yield f"tar type {kind!r}", make, "archive_unsafe"
    yield "zip twins", partial(zipped, {"a.jpg": b"1", "A.JPG": b"2"}), "archive_unsafe"
    yield "zip of the same name twice", twice, "archive_unsafe"
    yield "tar twins", partial(tarred, {"\u00e9": b"1", "e\u0301": b"2"}), "archive_unsafe"
    yield (
        "zip without a name",
        lambda: zipped(PHOTOS).replace(b"a.jpg", b"\0\0\0\0\0"),
        "archive_unsafe",
    )


def large() -> Rows:
    """Yield archives that hold too much."""
    yield "zip bomb", partial(zipped, {"x": bytes(LARGE)}), "archive_too_large"
    yield "tar bomb", partial(tarred, {"x": bytes(LARGE)}), "archive_too_large"
    many = dict.fromkeys((f"{n}.jpg" for n in range(20_000)), b"")
    yield "zip of 20,000", partial(zipped, many), "archive_too_large"
    yield "tar of 20,000", partial(tarred, many), "archive_too_large"
    yield "zip of 1001", partial(zipped, dict(list(many.items())[:1001])), "archive_too_large"
    yield "tar of 1001", partial(tarred, dict(list(many.items())[:1001])), "archive_too_large"
    yield "tar of 9000 folders", folders, "archive_too_large"
    yield (
        "tar that claims a file of 8 GB",
        lambda: header(size=b"77777777777\0"),
        "archive_too_large",
    )
    yield (
        "tar that claims 2^80 bytes",
        lambda: header(size=b"\x80\1" + bytes(10)),
        "archive_too_large",
    )
    claim = partial(patched, zipped(PHOTOS), b"PK\1\2", 24, struct.pack("<I", 2**31))
    yield "zip that claims a file of 2 GB", claim, "archive_too_large"


def good_zips() -> Rows:
    """Yield zips that must be accepted."""
    made: dict[str, Callable[[], bytes]] = {
        "plain": partial(zipped, PHOTOS),
        "stored": partial(zipped, PHOTOS, zipfile.ZIP_STORED),
        "bzip2": partial(zipped, PHOTOS, zipfile.ZIP_BZIP2),
        "lzma": partial(zipped, PHOTOS, zipfile.ZIP_LZMA),
        "of zip64": zip64,
        "with data descriptors": streamed,
        "of a mac": partial(zipped, PHOTOS | MAC),
        "with folders": with_folders,
        "with a comment of 60 kB": lambda: commented(bytes(60_000)),
        "with an end in its comment": lambda: commented(b"x" * 40),
        "behind a program": lambda: b"MZ" + bytes(5000) + zipped(PHOTOS),
        "in a zip": lambda: zipped({"inner.zip": zipped(PHOTOS)}),
        "without files": partial(zipped, {}),
        "of unicode names": partial(
            zipped, {"\u5c0f\u660e/\u00e9.jpg": b"1", "\U0001f600.jpg": b"2"}
        ),
        "of names with backslashes": lambda: zipped({"a|b.jpg": b"1"}).replace(b"|", b"\\"),
        "of names with odd spaces": partial(zipped, {"at 10.00\u202fAM.png": b"1"}),
        "of dos names": lambda: zipped({"aaaa.jpg": b"1"}).replace(b"aaaa", b"\x82\x84\x94\x81"),
        "of utf-8 names without the flag": unflagged,
        "with extra fields": extra_fields,
        "with 100 photos of 100 kB": partial(
            zipped, {f"{n}.jpg": bytes([n]) * 100_000 for n in range(100)}
        ),
    }
    for name, make in made.items():
        yield f"zip {name}", make, None


def bad_zips() -> Rows:
    """Yield zips that are damaged, locked, or made to deceive."""
    body = zipped(PHOTOS)
    entry = partial(patched, body, b"PK\1\2")
    for name, method in {
        "deflate64": 9,
        "zstd": 93,
        "ppmd": 98,
        "shrink": 1,
        "aes": 99,
        "jpeg": 96,
    }.items():
        other = partial(entry, 10, struct.pack("<H", method))
        yield f"zip of {name}", other, "archive_not_taken"
    for name, flags in {
        "a password": 1,
        "strong encryption": 0x41,
        "a hidden directory": 0x2000,
    }.items():
        yield f"zip with {name}", partial(entry, 8, struct.pack("<H", flags)), "archive_unsafe"
    link = struct.pack("<I", 0o120777 << 16)
    yield "zip with a link", partial(entry, 38, link), "archive_unsafe"
    yield "zip whose files overlap", overlapping, "archive_unsafe"
    yield "zip of one file many times", same_bytes, "archive_unsafe"
    yield "zip that quotes its headers", quoted, "archive_unsafe"
    yield "zip with a dictionary of 2 GB", lambda: lzma_with(2**31), "archive_too_complex"
    yield "zip with a dictionary of 64 MB", lambda: lzma_with(2**26), "archive_too_complex"
    slow = partial(zipped, dict.fromkeys("abcdefghijkl", bytes(15_000_000)), zipfile.ZIP_BZIP2)
    yield "zip of 180 MB in bzip2", slow, "archive_too_complex"
    end = partial(patched, body, b"PK\5\6")
    yield "zip of a later volume", partial(end, 4, b"\2\0\2\0"), "archive_not_taken"
    yield "zip with fewer entries here", partial(end, 8, b"\1\0"), "archive_not_taken"
    yield (
        "zip with a directory of 3 GB",
        partial(end, 12, struct.pack("<I", 3 * 2**30)),
        "archive_too_complex",
    )
    damaged: dict[str, Callable[[], bytes]] = {
        "cut": lambda: body[:-9],
        "cut in half": lambda: body[: len(body) // 2],
        "with a wrong checksum": partial(entry, 16, b"\1\2\3\4"),
        "that claims fewer bytes": partial(entry, 24, struct.pack("<I", 5)),
        "that claims more bytes": partial(entry, 24, struct.pack("<I", 5000)),
        "with another local name": lambda: body.replace(b"a.jpg", b"z.jpg", 1),
        "without a local header": partial(entry, 42, struct.pack("<I", 7)),
        "with a local header beyond its end": partial(entry, 42, struct.pack("<I", 10**6)),
        "with a directory elsewhere": partial(end, 16, struct.pack("<I", 10**6)),
        "with fewer entries than announced": partial(end, 8, b"\3\0\3\0"),
        "with more entries than announced": partial(end, 8, b"\1\0\1\0"),
        "with a changed byte": lambda: changed(body),
        "with broken lzma": lambda: lzma_with(2**16, b"\xff" * 8),
        "with missing zip64 numbers": partial(entry, 24, b"\xff" * 4),
    }
    for name, make in damaged.items():
        yield f"zip {name}", make, "archive_damaged"


def good_tars() -> Rows:
    """Yield tars that must be accepted."""
    mac = {"SCHILY.xattr.com.apple.quarantine": "x" * 900, "LIBARCHIVE.creationtime": "1"}
    long = {"d" * 120 + "/" + "e" * 120 + ".jpg": b"1"}
    plain = partial(tarred, mode="w")
    made: dict[str, Callable[[], bytes]] = {
        "plain": partial(plain, PHOTOS),
        "gzipped": partial(tarred, PHOTOS),
        "gzipped twice over": lambda: (
            gzip.compress(plain(PHOTOS)[:1000]) + gzip.compress(plain(PHOTOS)[1000:])
        ),
        "gzipped with zeros behind": lambda: tarred(PHOTOS) + bytes(9000),
        "of the old kind": lambda: header(magic=bytes(8)) + bytes(1024),
        "with long names of gnu": partial(plain, long, form=tarfile.GNU_FORMAT),
        "with long names of pax": partial(plain, long, form=tarfile.PAX_FORMAT),
        "with long names of ustar": partial(
            plain, {"d" * 90 + "/" + "e" * 90: b"1"}, form=tarfile.USTAR_FORMAT
        ),
        "of names that are no utf-8": lambda: header(name=b"\xff\xfe.jpg") + bytes(1024),
        "of unicode names": partial(tarred, {"\u5c0f\u660e/\u00e9.jpg": b"1"}),
        "of a mac": partial(tarred, PHOTOS | MAC, form=tarfile.PAX_FORMAT, pax_headers=mac),
        "with global headers": global_headers,
        "with folders": folder_tar,
        "with contiguous files": partial(plain, PHOTOS, type=tarfile.CONTTYPE),
        "with one block at its end": lambda: header() + bytes(512),
        "in a tar": lambda: plain({"inner.tar": plain(PHOTOS)}),
        "that ends with a zip": lambda: plain({"inner.zip": zipped(PHOTOS)}),
        "of a million seconds": partial(plain, PHOTOS, mtime=-1.0),
        "without files": partial(plain, {}),
    }
    for name, make in made.items():
        yield f"tar {name}", make, None


def bad_tars() -> Rows:
    """Yield tars that are damaged, or whose headers ask for too much."""
    whole = tarred(PHOTOS, mode="w")
    packed = tarred(PHOTOS)
    damaged: dict[str, Callable[[], bytes]] = {
        "cut gzip": lambda: packed[:-20],
        "cut in a header": lambda: whole[:700],
        "cut in a file": lambda: whole[:900],
        "cut before its end": header,
        "with a wrong checksum": lambda: whole[:512] + whole[512:1536] + b"x" + whole[1537:],
        "gzip with a wrong checksum": lambda: packed[:-8] + b"\0\0\0\0" + packed[-4:],
        "gzip with junk behind": lambda: packed + b"junk behind the gzip",
        "gzip header only": lambda: packed[:12],
        "with a size that is no number": lambda: header(size=b"hello world\0") + bytes(1024),
        "with a negative pax size": lambda: extended({"size": "-5"}),
        "with a pax record without an end": lambda: raw_extension(b"x", b"99 path=a\n"),
        "with a pax record of no length": lambda: raw_extension(b"x", b"path=a\n"),
    }
    for name, make in damaged.items():
        yield f"tar {name}", make, "archive_damaged"
    for kind in (b"x", b"g", b"L", b"K"):
        make = partial(header, kind=kind, size=b"07346545000\0")
        yield f"tar that claims an extension {kind!r} of 1 GB", make, "archive_too_complex"
        real = partial(raw_extension, kind, bytes(60_000_000))
        yield (
            f"tar with an extension {kind!r} of 60 MB",
            partial(squeezed, real),
            "archive_too_complex",
        )
        row = partial(many_extensions, kind)
        yield f"tar with 30 extensions {kind!r} in a row", row, "archive_too_complex"
    yield (
        "tar of 2000 empty gzips",
        lambda: gzip.compress(b"") * 2000 + packed,
        "archive_too_complex",
    )
    yield "tar with a sparse file", partial(header, kind=b"S"), "archive_not_taken"
    yield (
        "tar with a sparse file of pax",
        lambda: extended({"GNU.sparse.major": "1"}),
        "archive_not_taken",
    )
    yield "tar of a later volume", partial(header, kind=b"M"), "archive_not_taken"
    yield "tar of an unknown entry", partial(header, kind=b"Z"), "archive_not_taken"
    yield (
        "tar whose pax name leads out",
        lambda: extended({"path": "../../etc/x"}),
        "archive_unsafe",
    )
    yield (
        "tar whose gnu name leads out",
        lambda: raw_extension(b"L", b"../../etc/x\0"),
        "archive_unsafe",
    )
    yield (
        "tar whose pax size is 8 GB",
        lambda: extended({"size": "8589934592"}),
        "archive_too_large",
    )


def others() -> Rows:
    """Yield archives of other kinds, and files that are none."""
    heads = {
        "7z": b"7z\xbc\xaf\x27\x1c\0\4",
        "rar 4": b"Rar!\x1a\7\0",
        "rar 5": b"Rar!\x1a\7\1\0",
        "cab": b"MSCF",
        "zstd": b"\x28\xb5\x2f\xfd",
        "lz4": b"\x04\x22\x4d\x18",
        "lzip": b"LZIP\1",
        "ar": b"!<arch>\n",
        "compress": b"\x1f\x9d\x90",
        "cpio": b"070701",
        "xar": b"xar!",
        "split zip": b"PK\7\x08PK\3\4",
    }
    for name, head in heads.items():
        yield f"archive of {name}", partial(bytes, head + bytes(600)), "archive_not_taken"
    plain = tarred(PHOTOS, mode="w")
    yield "archive of tar.xz", lambda: lzma.compress(plain), "archive_not_taken"
    yield "archive of tar.bz2", lambda: bz2.compress(plain), "archive_not_taken"
    noise = random.Random(1).randbytes(5000)  # noqa: S311 - the same every time
    for name, body in {
        "empty": b"",
        "text": b"x" * 600,
        "noise": noise,
        "jpeg": PHOTOS["a.jpg"],
    }.items():
        yield f"archive {name}", partial(bytes, body), "archive_damaged"


def heavy() -> Rows:
    """Yield archives that take seconds to make or to read."""
    yield "zip of a million entries", a_million, "archive_too_large"
    yield "tar with a pax header of 450 MB", the_largest_header, "archive_too_complex"
    yield "zip of 494 MB", lambda: zipped(zeros(26)), None
    yield "tar of 494 MB", lambda: tarred(zeros(26)), None
    yield "zip of 570 MB", lambda: zipped(zeros(30)), "archive_too_large"
    yield "tar of 570 MB", lambda: tarred(zeros(30)), "archive_too_large"
    yield "gzip of 2 GB of zeros", two_gigabytes, "archive_too_large"
    yield "zip of 152 MB stored", lambda: zipped(noise(8), zipfile.ZIP_STORED), None


def zeros(count: int) -> dict[str, bytes]:
    """Return files of 19 MB of zeros."""
    return dict.fromkeys((f"{n}.jpg" for n in range(count)), bytes(19_000_000))


def noise(count: int) -> dict[str, bytes]:
    """Return files of 19 MB that cannot be packed."""
    body = random.Random(1).randbytes(19_000_000)  # noqa: S311 - the same every time
    return {f"{n}.jpg": bytes([n]) + body for n in range(count)}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of these files."""
    out = io.BytesIO()
    level = None if method == zipfile.ZIP_LZMA else 1
    with zipfile.ZipFile(out, "w", method, compresslevel=level) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def tarred(
    files: dict[str, bytes],
    mode: str = "w:gz",
    form: int = tarfile.PAX_FORMAT,
    **fields: Any,  # noqa: ANN401 - TarInfo's
) -> bytes:
    """Return a tar of these files, each with these fields."""
    out = io.BytesIO()
    options = {"compresslevel": 1} if mode == "w:gz" else {}
    with tarfile.open(fileobj=out, mode=mode, format=form, **options) as archive:  # type: ignore[call-overload]
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def patched(body: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """Return the archive with other bytes at this distance from the first such mark."""
    at = body.index(mark) + offset
    return body[:at] + value + body[at + len(value) :]


def changed(body: bytes) -> bytes:
    """Return a zip with another byte in its first file's data."""
    at = body.index(b"a.jpg") + 9
    return body[:at] + bytes([body[at] ^ 0x55]) + body[at + 1 :]


def twice() -> bytes:
    """Return a zip in which one name occurs twice."""
    return zipped({"a.jpg": b"1", "b.jpg": b"2"}).replace(b"b.jpg", b"a.jpg")


def zip64() -> bytes:
    """Return a zip with zip64's records."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, archive.open("a.jpg", "w", force_zip64=True) as file:
        file.write(PHOTOS["a.jpg"])
    return out.getvalue()


class _Pipe(io.RawIOBase):
    """A stream that cannot go back, so that sizes follow the data."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        """Return whether the stream can be written: yes."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - a buffer
        """Take the bytes."""
        self.written += data
        return len(data)


def streamed() -> bytes:
    """Return a zip that was written to a pipe."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in PHOTOS.items():
            archive.writestr(name, body)
    return bytes(pipe.written)


def with_folders() -> bytes:
    """Return a zip with 3000 folders."""
    return zipped(PHOTOS | {f"folder {n}/": b"" for n in range(3000)})


def commented(comment: bytes) -> bytes:
    """Return a zip with a comment."""
    out = io.BytesIO(zipped(PHOTOS))
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = comment
    return out.getvalue()


def unflagged() -> bytes:
    """Return a zip with UTF-8 names that are not marked as such, as a Mac writes it."""
    body = zipped({"\u00e9.jpg": b"1"})
    for mark, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        body = patched(body, mark, offset, b"\0\0")
    return body


def extra_fields() -> bytes:
    """Return a zip with an extra field of 20 kB for each file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in PHOTOS.items():
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<HH", 0x5455, 20_000) + bytes(20_000)
            archive.writestr(info, body)
    return out.getvalue()


def overlapping() -> bytes:
    """Return a zip whose first file reaches into the second."""
    body = zipped({"a.jpg": b"a" * 50, "b.jpg": b"b" * 50}, zipfile.ZIP_STORED)
    return patched(body, b"PK\1\2", 20, struct.pack("<II", 90, 90))


def same_bytes() -> bytes:
    """Return a zip whose entries all name the same file."""
    body = zipped({"a.jpg": bytes(100_000)})
    start = body.index(b"PK\1\2")
    end = body.index(b"PK\5\6")
    directory = body[start:end] * 500
    closing = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 500, 500, len(directory), start, 0)
    return body[:start] + directory + closing


def quoted() -> bytes:
    """Return a zip whose first file holds the second one's header as its data."""
    body = bytearray(zipped({"a.jpg": b"", "b.jpg": b"b" * 50}, zipfile.ZIP_STORED))
    length = body.index(b"PK\1\2") - 35
    at = body.index(b"PK\1\2") + 20
    struct.pack_into("<II", body, at, length, length)
    return bytes(body)


def lzma_with(dictionary: int, data: bytes = b"") -> bytes:
    """Return a zip of LZMA with this dictionary."""
    body = zipped({"a.jpg": b"x" * 500}, zipfile.ZIP_LZMA)
    at = body.index(b"a.jpg") + 5
    head = body[: at + 5] + struct.pack("<I", dictionary)
    return head + data + body[at + 9 + len(data) :]


def a_million() -> bytes:
    """Return a zip of a million empty entries, 54 MB of them: case I5."""
    form = struct.Struct("<4s6H3L5H2L")
    rows = (
        form.pack(b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0) + b"%07d" % n
        for n in range(1_000_000)
    )
    directory = b"".join(rows)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 10**6, 10**6, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    return directory + end64 + locator + end


def header(
    kind: bytes = b"0",
    size: bytes = b"00000000000\0",
    name: bytes = b"a.jpg",
    magic: bytes = b"ustar\x0000",
) -> bytes:
    """Return one header of a tar."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124 : 124 + len(size)] = size
    block[156:157] = kind
    block[257 : 257 + len(magic)] = magic
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def raw_extension(kind: bytes, data: bytes) -> bytes:
    """Return a tar of one file, before which a header with this content stands."""
    padded = data + bytes(-len(data) % 512)
    return header(kind, b"%011o\0" % len(data)) + padded + header() + bytes(1024)


def extended(records: dict[str, str]) -> bytes:
    """Return a tar of one file with these pax records."""
    lines = []
    for key, value in records.items():
        rest = f" {key}={value}\n".encode()
        lines.append(next(b"%d" % n + rest for n in range(9999) if n == len(b"%d" % n + rest)))
    return raw_extension(b"x", b"".join(lines))


def many_extensions(kind: bytes) -> bytes:
    """Return a tar with 30 extension headers before its file."""
    data = b"10 a=bcde\n" if kind in {b"x", b"g"} else b"name.jpg\0"
    return raw_extension(kind, data)[:1024] * 30 + header() + bytes(1024)


def squeezed(make: Callable[[], bytes]) -> bytes:
    """Return the tar as a gzip."""
    return gzip.compress(make(), 1)


def global_headers() -> bytes:
    """Return a tar in which a global header stands before each file, as git writes one."""
    record = b"19 comment=abcdefg\n"
    return (raw_extension(b"g", record)[:1536]) + bytes(1024)


def folder_tar() -> bytes:
    """Return a tar with folders before its files."""
    return header(b"5", name=b"photos/") + header(b"0", name=b"photos/a.jpg") + bytes(1024)


def folders() -> bytes:
    """Return a tar of 9000 folders."""
    return b"".join(header(b"5", name=b"%d/" % n) for n in range(9000)) + bytes(1024)


def the_largest_header() -> bytes:
    """Return a tar.gz whose one pax header unpacks to 450 MB: case I5."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="w", compresslevel=1) as packed:
        packed.write(header(b"x", b"%011o\0" % 450_000_000))
        for _ in range(450):
            packed.write(bytes(1_000_000))
    return out.getvalue()


def two_gigabytes() -> bytes:
    """Return a gzip that unpacks to zeros, which end a tar at its first block."""
    piece = gzip.compress(bytes(100_000_000), 1)
    return piece * 20
