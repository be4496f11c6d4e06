"""Layers, unpacked once for all functions, as Lambda mounts them.

Stock unpacks every layer into a folder of each worker. Our one layer is 67 MB, so twelve workers
wrote 800 MB and compiled the same modules twelve times.
"""

import fcntl
import hashlib
import io
import os
import shutil
import threading
import zipfile
from pathlib import Path

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.cloud import paths
from local.cloud.typing_aliases import Stock

VARIABLE = "_LAMBDA_LAYERS_DIRS"
"""How lambda_worker.py learns where they lie."""

_spawning = threading.local()


def install() -> None:
    """Let workers start without layers of their own."""
    spawn = lambda_runtime.Worker._spawn

    def spawned(self: Stock) -> Stock:
        config = self.config
        _spawning.folders = [str(unpacked(layer)) for layer in config.get("Layers", [])]
        self.config = {**config, "Layers": []}
        try:
            return spawn(self)
        finally:
            self.config = config
            _spawning.folders = []

    lambda_runtime.Worker._spawn = spawned


def variables() -> dict[str, str]:
    """Return what the worker that this thread starts must know."""
    return {VARIABLE: os.pathsep.join(getattr(_spawning, "folders", []))}


def unpacked(layer: Stock) -> Path:
    """Return the folder of a layer version, named by its content; unpack it if it is new."""
    data: bytes = lambda_svc._resolve_layer_zip(layer)
    folder = paths.LAYERS / hashlib.sha256(data).hexdigest()
    paths.LAYERS.mkdir(parents=True, exist_ok=True)
    with (paths.LAYERS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _unpack(data, folder)
    return folder


def _unpack(data: bytes, folder: Path) -> None:
    """Unpack beside and rename, so that a folder that exists is whole; zipfile keeps it inside."""
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(half)
    half.rename(folder)
