"""The files of a diffusers pipeline folder: what it needs, and which variant of the weights it has.

Client, trainer and server ask here, so that a base is refused before it is paid for.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

MODEL_INDEX = "model_index.json"

REFINER_FOLDER = "refiner"
"""Folder of SDXL's refiner in a base's folder; of it only the index and the UNet are used."""

CONFIG_SUFFIXES = (".json", ".txt", ".jinja")
"""Endings of configs and tokenizers; ``merges.txt`` and ``chat_template.jinja`` are two of them."""

UNUSED = ("safety_checker", "feature_extractor", "image_encoder")
"""Components that neither training nor drawing uses; they are not loaded, and may be missing."""

WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|model)(?:\.(?P<variant>[A-Za-z0-9_]+))?"
    r"(?:-(?P<part>\d+)-of-(?P<parts>\d+))?\.safetensors"
)
"""A file with weights: ``diffusion_pytorch_model.fp16-00001-of-00002.safetensors``."""


class MissingFile(NamedTuple):
    """A file that the folder lacks."""

    path: str
    """Relative to the folder."""

    why: str
    """What it is needed for."""


def components(model_index: Mapping[str, Any]) -> dict[str, str]:
    """Return the class of each component that is loaded, by the component's name.

    >>> components({"_class_name": "P", "unet": ["diffusers", "U"], "safety_checker": [None, None]})
    {'unet': 'U'}
    """
    return {
        name: str(value[1])
        for name, value in model_index.items()
        if isinstance(value, list | tuple) and len(value) == 2 and value[1]  # noqa: PLR2004
        if name not in UNUSED
    }


def unused_components(model_index: Mapping[str, Any]) -> dict[str, None]:
    """Return the arguments of ``from_pretrained`` that leave the unused components out."""
    return {name: None for name in UNUSED if name in model_index}


def variant_of(files: Collection[str]) -> str | None:
    """Return the variant that ``from_pretrained`` must ask for; None for plain weights.

    A variant counts only in a folder without plain weights, and one name is returned: the first.

    >>> variant_of(["unet/diffusion_pytorch_model.fp16.safetensors", "vae/config.json"])
    'fp16'
    """
    return next(iter(variants_of(files)), None)


def variants_of(files: Collection[str]) -> list[str]:
    """Return the variants of the folders that have no plain weights, sorted."""
    found: dict[str, set[str]] = {}
    for path in files:
        folder, _, name = path.rpartition("/")
        if match := WEIGHTS.fullmatch(name):
            found.setdefault(folder, set()).add(match["variant"] or "")
    return sorted({name for names in found.values() if "" not in names for name in names})


def missing_files(model_index: Mapping[str, Any], files: Collection[str]) -> list[MissingFile]:
    """Return what a pipeline folder lacks, of all that loading it needs.

    Args:
        model_index: the content of ``model_index.json``.
        files: the paths that there are, relative to the folder.
    """
    present = set(files)
    return [
        lack
        for name, kind in components(model_index).items()
        for lack in _lacking(name, kind, present)
    ]


def missing_refiner_files(files: Collection[str]) -> list[MissingFile]:
    """Return what a base's refiner lacks.

    Args:
        files: the paths that there are, relative to the base's folder.
    """
    place = f"{REFINER_FOLDER}/"
    inside = {path.removeprefix(place) for path in files if path.startswith(place)}
    lacks = _without(inside, MODEL_INDEX, "how the refiner takes its prompts")
    lacks += _lacking("unet", "UNet2DConditionModel", inside)
    return [MissingFile(place + lack.path, lack.why) for lack in lacks]


def _lacking(name: str, kind: str, present: set[str]) -> list[MissingFile]:
    if kind.endswith("Scheduler"):
        return _without(present, f"{name}/scheduler_config.json", "the noise schedule")
    if "Tokenizer" in kind:
        return _tokenizer(name, present)
    config = _without(present, f"{name}/config.json", f"the sizes of the {name}'s layers")
    return config + _weights(name, present, transformers=name.startswith("text_encoder"))


def _without(present: set[str], path: str, why: str) -> list[MissingFile]:
    return [] if path in present else [MissingFile(path, why)]


def _tokenizer(name: str, present: set[str]) -> list[MissingFile]:
    if f"{name}/tokenizer.json" in present:
        return []
    why = f"the {name}'s words; tokenizer.json alone would do as well"
    vocabulary = _without(present, f"{name}/vocab.json", why)
    return vocabulary + _without(present, f"{name}/merges.txt", why)


def _weights(name: str, present: set[str], *, transformers: bool) -> list[MissingFile]:
    """Return the weights that are missing: all of them, or parts of sharded ones."""
    inside = [path for path in present if path.startswith(f"{name}/")]
    found = [match for path in inside if (match := WEIGHTS.fullmatch(path.partition("/")[2]))]
    why = f"the weights of the {name}"
    if not found:
        stem = "model" if transformers else "diffusion_pytorch_model"
        return [MissingFile(f"{name}/{stem}.safetensors", why)]
    parts = [match for match in found if match["part"]]
    if not parts or len(parts) < len(found):
        return []
    return [
        lack
        for number in range(1, int(parts[0]["parts"]) + 1)
        for lack in _without(present, f"{name}/{_part_file(parts[0], number)}", f"a part of {why}")
    ]


def _part_file(match: re.Match[str], number: int) -> str:
    width = len(match["part"])
    old, new = f"-{match['part']}-of-", f"-{number:0{width}d}-of-"
    return match[0].replace(old, new)
