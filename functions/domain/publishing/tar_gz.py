"""Make the archive of one user's model: the same files always give the same bytes.

The files are stored without compression: weights do not shrink, and unpacking is much faster.
"""

import gzip
import io
import tarfile
from collections.abc import Mapping


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a ``.tar.gz`` of the files and their folders, in path order and without times."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=0, fileobj=packed, mtime=0) as stored,
        tarfile.open(fileobj=stored, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted({*files, *folders(files)}):
            tar.addfile(entry(name, files.get(name)), io.BytesIO(files.get(name, b"")))
    return packed.getvalue()


def folders(files: Mapping[str, bytes]) -> set[str]:
    """Return every folder that contains one of the files.

    >>> sorted(folders({"a/1/model.py": b""}))
    ['a', 'a/1']
    """
    parts = [name.split("/") for name in files]
    return {"/".join(path[:depth]) for path in parts for depth in range(1, len(path))}


def entry(name: str, body: bytes | None) -> tarfile.TarInfo:
    """Return a header without owner and time; a folder has no body."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if body is None else tarfile.REGTYPE
    info.mode = 0o755 if body is None else 0o644
    info.size = len(body or b"")
    return info
