"""Other models of the same tenant, by the names that a request gives them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from contracts.documents.package import RELEASED_TEXTS, PackageCard
from contracts.documents.picture import OtherModel
from serving.tensors import PictureError

LOADED = "loaded"
"""Folder in LIKENESS_RUN_DIR: every loaded model writes its adapter's folder there."""


def find_others(caller: Path, others: Sequence[OtherModel], run_dir: Path) -> list[Path]:
    """Return their adapters' folders.

    Args:
        caller: the calling model's adapter folder.
        others: as the request names them.
        run_dir: of this server.

    Raises:
        PictureError: one is not loaded, is another tenant's, or is named twice.
    """
    folders = [find(other, run_dir) for other in others]
    if len({caller, *folders}) <= len(folders):
        raise PictureError("invalid_argument", "adapters: each model once, and not the one asked")
    tenants = {read_tenant(folder) for folder in (caller, *folders)}
    if folders and (len(tenants) > 1 or None in tenants):
        raise PictureError("other_tenant", "models of one tenant only can be mixed")
    return folders


def find(other: OtherModel, run_dir: Path) -> Path:
    """Return a loaded model's adapter folder."""
    try:
        folder = Path((run_dir / LOADED / other.model).read_text())
    except OSError:
        raise PictureError("adapter_not_loaded", "send that model a request first") from None
    if not folder.parent.is_dir():  # its process was killed, and SageMaker removed its files
        raise PictureError("adapter_not_loaded", "send that model a request first")
    return folder


def read_tenant(adapter: Path) -> str | None:
    """Return the hash of a model's tenant; None for the base itself, which is nobody's."""
    return read_card(adapter).tenant_sha256


def has_adapter(adapter: Path) -> bool:
    """Return False for the base itself.

    Raises:
        PictureError: ``text_not_released``: the package is not one that PublishAdapter made.
    """
    for path in (adapter.parent / "model.py", adapter.parents[1] / "config.pbtxt"):
        text = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(text).hexdigest() not in RELEASED_TEXTS:
            raise PictureError("text_not_released", "the serving image does not know its text")
    return read_card(adapter).adapter


def read_card(adapter: Path) -> PackageCard:
    """Return what a model's package says of itself; packages of the first release say nothing."""
    path = adapter.parent / "package.json"
    try:
        return PackageCard.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return PackageCard(tenant_sha256=None, adapter=True)
    except (OSError, ValidationError):
        raise PictureError("adapter_invalid", "package.json is not valid") from None
