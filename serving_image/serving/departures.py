"""Requests whose callers have gone: for each of them, a file in a folder.

Triton does not tell a model that a client has hung up. The front, which is before Triton, sees it
and runs in another process, so it leaves a file for the forwarding model to find. A file's name
says which requests are meant:

- ``<id>``: the request with this id;
- ``<id>.``, with a dot at its end: all requests whose ids begin with ``<id>.``;
- ``model-<hash>``: all requests of one model, also where its package passes no id on (formats 1 to
  4); ``model_name`` makes the name.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

DROPPED = "dropped"
"""Folder in LIKENESS_RUN_DIR."""

MODEL = "model-"


def model_name(folder: str | Path) -> str:
    """Return the name for all requests of the model that SageMaker has unpacked to this folder."""
    digest = hashlib.sha256(os.fsencode(os.path.normpath(folder))).hexdigest()
    return f"{MODEL}{digest}"


class Departures:
    """Reads the folder, and writes into it."""

    def __init__(self, run_dir: Path) -> None:
        self.folder = run_dir / DROPPED
        self.folder.mkdir(exist_ok=True)

    def leave(self, names: Iterable[str]) -> None:
        """Leave the names of requests that nobody waits for."""
        for name in names:
            (self.folder / name).touch()

    def take(self) -> list[str]:
        """Return the names that were left since the last call."""
        names = [entry.name for entry in os.scandir(self.folder)]
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        return names


def is_meant(names: Iterable[str], request_id: str, adapter: bytes) -> bool:
    """Return whether one of the names means this request.

    Args:
        names: what was left in the folder.
        request_id: the request's; empty when its package passes none on.
        adapter: the folder of the calling model's adapter, ``<model's folder>/<name>/1/adapter``.
    """
    folder = Path(os.fsdecode(adapter)).parent.parent.parent
    for name in names:
        if name.startswith(MODEL):
            if name == model_name(folder):
                return True
        elif request_id and (name == request_id or is_prefix(name, request_id)):
            return True
    return False


def is_prefix(name: str, request_id: str) -> bool:
    """Return whether the name means all requests that begin so, and this is one of them."""
    return name.endswith(".") and request_id.startswith(name)
