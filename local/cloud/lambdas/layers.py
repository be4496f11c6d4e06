"""Lambda layers, unpacked once for all functions.

Stock unpacks every layer into a folder of each worker. The product's layer is 67 MB, so twelve
workers wrote 800 MB and compiled the same modules twelve times.
"""

import fcntl
import hashlib
import io
import shutil
import zipfile
from pathlib import Path

from ministack.services import lambda_svc

from local.cloud import paths
from local.cloud.typing_aliases import Stock


def unpacked(layer: Stock) -> Path:
    """Return the folder of a layer version, named by its hash; unpack it when it is missing.

    Raises:
        FileNotFoundError: there is no such version, as after the laptop's AWS was reset.
    """
    data: bytes | None = lambda_svc._resolve_layer_zip(layer)
    if data is None:
        raise FileNotFoundError(f"the layer version {layer['Arn']} does not exist any more")
    folder = paths.LAYERS / hashlib.sha256(data).hexdigest()
    paths.LAYERS.mkdir(parents=True, exist_ok=True)
    with (paths.LAYERS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _unpack(data, folder)
    return folder


def _unpack(data: bytes, folder: Path) -> None:
    """Unpack into another folder, then rename it, so that an existing folder is complete."""
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(partial)
    partial.rename(folder)
