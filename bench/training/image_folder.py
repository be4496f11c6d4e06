"""The part of the library datasets that diffusers' scripts use: a folder of captioned images.

Only the benchmark uses this module, where the library is not installed.
"""

import json
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import transformers.utils
from PIL import Image

CAPTIONS = "metadata.jsonl"
"""The captions' file, by which the library knows a folder of captioned images."""


class Split:
    """The rows of a folder: its images and their captions."""

    def __init__(self, folder: Path) -> None:
        """Read all images, in the order of the list of captions."""
        rows = [json.loads(line) for line in (folder / CAPTIONS).read_text().splitlines()]
        self.columns: dict[str, list[Any]] = {
            "image": [Image.open(folder / row["file_name"]) for row in rows],
            "text": [row["text"] for row in rows],
        }

    @property
    def column_names(self) -> list[str]:
        """The names of the columns; the first is the image's."""
        return list(self.columns)

    def __getitem__(self, name: str) -> list[Any]:
        """Return a column."""
        return self.columns[name]


def load_dataset(name: str, *_: object, **__: object) -> dict[str, Split]:
    """Return the rows for training."""
    return {"train": Split(Path(name))}


def install() -> None:
    """Register ``datasets`` in ``sys.modules``, after transformers has noted its absence."""
    transformers.utils.is_datasets_available()
    package = types.ModuleType("datasets")
    package.__spec__ = ModuleSpec("datasets", None)  # other libraries look for it by its spec
    package.load_dataset = load_dataset  # type: ignore[attr-defined]
    sys.modules["datasets"] = package
