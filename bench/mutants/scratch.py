"""Copies of the working tree that may be spoilt: no mutant is ever written into the tree itself."""

import hashlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.mutants.rooms import ROOT

NOT_COPIED = (".safetensors", ".png")
"""Weights and pictures: no fast test reads them, and they are nine tenths of the tree."""


def tree_files() -> list[str]:
    """Return the files of the working tree, new ones too, but not those that git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({name for name in listed.split("\0") if name and is_copied(name)})


def is_copied(name: str) -> bool:
    """Return whether a file belongs in a copy."""
    return not name.endswith(NOT_COPIED) and (ROOT / name).is_file()


def copy_files(folder: Path, names: Mapping[str, str]) -> None:
    """Copy files of the tree into a folder; an equal one is not written, so it keeps its time.

    Args:
        folder: where the copies are.
        names: the file in the tree, by its name in the folder.
    """
    for name, source in names.items():
        content, target = (ROOT / source).read_bytes(), folder / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod((ROOT / source).stat().st_mode)


def remove_others(folder: Path, names: Iterable[str]) -> None:
    """Remove the Python files of a folder that are not among the names; links are not followed."""
    kept = {folder / name for name in names}
    for place, _, files in os.walk(folder, followlinks=False):
        for path in (Path(place, file) for file in files if file.endswith(".py")):
            if path not in kept:
                path.unlink()


def fingerprint(names: Iterable[str]) -> str:
    """Return a text that changes when any of the tree's files does."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes() + b"\0")
    return digest.hexdigest()
