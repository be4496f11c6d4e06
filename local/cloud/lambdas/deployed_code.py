"""A function's unpacked code: a read-only folder for each version, as `/var/task` on Lambda."""

import fcntl
import hashlib
import io
import os
import shutil
import zipfile
from pathlib import Path

from local.cloud import paths

READ_AND_EXECUTE = 0o555
WRITE_BITS = 0o222


def unpacked(archive: bytes) -> Path:
    """Return the folder of this archive's files; unpack it when it is missing."""
    home = paths.lambda_code(int(os.environ["GATEWAY_PORT"])) / "code"
    folder = home / hashlib.sha256(archive).hexdigest()
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _unpack(archive, folder)
    return folder


def remove(folder: Path) -> None:
    """Remove a folder and its content, read-only folders included."""
    for inner, _, _ in os.walk(folder):
        Path(inner).chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: bytes, folder: Path) -> None:
    """Unpack into another folder, then rename it, so that an existing folder is complete."""
    partial = folder.with_suffix(".partial")
    remove(partial)
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for member in files.infolist():
            target = Path(files.extract(member, partial))
            mode = (member.external_attr >> 16) & 0o777
            if mode and not member.is_dir():
                target.chmod(mode)
    partial.mkdir(exist_ok=True)  # of an archive without files
    partial.rename(folder)
    _make_read_only(folder)


def _make_read_only(folder: Path) -> None:
    for inner, _, files in os.walk(folder, topdown=False):
        for name in files:
            file = Path(inner, name)
            file.chmod(file.stat().st_mode & ~WRITE_BITS | 0o444)
        Path(inner).chmod(READ_AND_EXECUTE)
