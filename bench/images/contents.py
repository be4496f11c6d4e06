"""What an image holds: its bill of materials, its licences, PyTorch, the locked versions."""

import json
import re
from pathlib import Path
from typing import Any

from bench.report import Figure
from images import lock
from images.engine import INVENTORY
from images.inventory import UNKNOWN
from images.recipes import ROOT, Recipe

LOCKED = {
    "training": ("locked.txt", "locked-faces.txt", "locked-optional.txt"),
    "serving": ("locked.txt",),
}
"""The files whose packages each image holds."""


def figures(recipe: Recipe, root: Path, base: Path) -> list[Figure]:
    """Compare an image's inventory with what was locked, and its PyTorch with the base's."""
    folder = root / INVENTORY.lstrip("/")
    sbom = json.loads((folder / "sbom.cdx.json").read_text())
    python = {key(one["name"]): one["version"] for one in sbom["components"] if is_python(one)}
    licences = [line.split("\t") for line in (folder / "licences.txt").read_text().splitlines()]
    known = sum(line[2] != UNKNOWN for line in licences)
    wrong = {name for name, version in wanted(recipe).items() if python.get(name) != version}
    return [
        Figure(
            f"{recipe.name}: packages in the bill of materials", len(sbom["components"]), "", 100
        ),
        Figure(
            f"{recipe.name}: locked packages that it lacks",
            len(wrong),
            " ".join(sorted(wrong)),
            0,
            "less",
        ),
        Figure(f"{recipe.name}: packages with a known licence", 100 * known / len(licences), "%"),
        Figure(
            f"{recipe.name}: PyTorch is the base's", int(torch_of(root) == torch_of(base)), "", 1
        ),
    ]


def wanted(recipe: Recipe) -> dict[str, str]:
    """Return the locked versions for Linux and the stand-in's Python, by name."""
    found: dict[str, str] = {}
    for name in LOCKED[recipe.name]:
        text = (ROOT / f"{recipe.name}_image" / name).read_text()
        lines = [line for line in text.splitlines() if not re.search(r";.*(win32|darwin)", line)]
        found |= lock.pins("\n".join(lines))
    return found


def is_python(component: dict[str, Any]) -> bool:
    """Return whether a component is a Python package."""
    return str(component.get("purl", "pkg:pypi/")).startswith("pkg:pypi/")


def key(name: str) -> str:
    """Return a package's name as the package index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def torch_of(root: Path) -> list[str]:
    """Return the releases of PyTorch below an image's root."""
    return sorted(
        path.name for path in root.glob("usr/local/lib/python3*/dist-packages/torch-*.dist-info")
    )
