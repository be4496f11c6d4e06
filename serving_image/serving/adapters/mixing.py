"""Adapter mixing: finds the other models of the same tenant that a request names."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from contracts.documents.package import RELEASED_TEXTS, PackageCard
from contracts.documents.picture import OtherModel
from serving.picture_error import PictureError

LOADED = "loaded"
"""Folder in LIKENESS_RUN_DIR where every loaded model writes the path of its adapter's folder."""


def find_mixed_adapters(caller: Path, named: Sequence[OtherModel], run_dir: Path) -> list[Path]:
    """Return the adapter folders of the models that a request names.

    Args:
        caller: the calling model's adapter folder.
        named: the models in the order of the request.
        run_dir: this server's LIKENESS_RUN_DIR.

    Raises:
        PictureError: a model is not loaded, belongs to another tenant, or is named twice.
    """
    folders = [find_loaded(model, run_dir) for model in named]
    if len({caller, *folders}) <= len(folders):
        text = "adapters: name each model once, and do not name the called model"
        raise PictureError("invalid_argument", text)
    tenants = {read_tenant(folder) for folder in (caller, *folders)}
    if folders and (len(tenants) > 1 or None in tenants):
        raise PictureError("other_tenant", "only models of one tenant can be mixed")
    return folders


def find_loaded(model: OtherModel, run_dir: Path) -> Path:
    """Return a loaded model's adapter folder."""
    try:
        folder = Path((run_dir / LOADED / model.model).read_text())
    except OSError:
        raise PictureError("adapter_not_loaded", "send that model a request first") from None
    if (
        not folder.parent.is_dir()
    ):  # the model's process was killed, and SageMaker removed its files
        raise PictureError("adapter_not_loaded", "send that model a request first")
    return folder


def read_tenant(adapter: Path) -> str | None:
    """Return the hash of a model's tenant; None for the base itself, which has no tenant."""
    return read_card(adapter).tenant_sha256


def has_adapter(adapter: Path) -> bool:
    """Return False for the base itself.

    Raises:
        PictureError: ``text_not_released``: the package is not one that PublishAdapter made.
    """
    for path in (adapter.parent / "model.py", adapter.parents[1] / "config.pbtxt"):
        text = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(text).hexdigest() not in RELEASED_TEXTS:
            raise PictureError(
                "text_not_released", "the serving image does not know this package's text"
            )
    return read_card(adapter).adapter


def read_card(adapter: Path) -> PackageCard:
    """Return a package's ``package.json``; package format 1 has none."""
    path = adapter.parent / "package.json"
    try:
        return PackageCard.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return PackageCard(tenant_sha256=None, adapter=True)
    except (OSError, ValidationError):
        raise PictureError("adapter_invalid", "package.json is not valid") from None
