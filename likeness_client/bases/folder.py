"""A diffusers folder as ``likeness base`` reads it: its parts, its files and their hashes."""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from contracts.base import Architecture, PredictionType
from contracts.shared.weights.families import FLOW_SCHEDULER
from contracts.shared.weights.pipeline_files import (
    CONFIG_SUFFIXES,
    MODEL_INDEX,
    UNUSED,
    WEIGHTS,
    components,
    missing_files,
    variants_of,
)
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.printing import PrintLine

SD1_TEXT_WIDTH = 768
LATENT_CHANNELS = 4
HASH_THREADS = 4

ZIMAGE_RESOLUTION = 1024
TURBO_SHIFT = 3.0
"""The scheduler's shift of Z-Image-Turbo, which is distilled; Z-Image itself has 6."""

SCHEDULER_FILE = "scheduler/scheduler_config.json"


@dataclass(frozen=True)
class Pipeline:
    """What the folder's own JSON files say."""

    folder: Path
    model_index: dict[str, Any]
    family: Architecture
    prediction_type: PredictionType
    """What the scheduler's config says; diffusers takes epsilon where it says nothing."""
    resolution: int
    """``sample_size`` of the UNet times the autoencoder's reduction; of a Z-Image, that of the
    autoencoder."""
    is_distilled: bool = False
    """Whether the base draws in few steps and without guidance."""


def read_pipeline(folder: Path) -> Pipeline:
    """Read the folder's configs.

    Raises:
        BaseRefusedError: it is no diffusers folder, is incomplete, or cannot be trained.
    """
    index = read_json(folder / MODEL_INDEX, "which parts the pipeline has")
    kind = str(index.get("_class_name"))
    if kind not in READERS:
        raise BaseRefusedError(
            f"{MODEL_INDEX} says {kind}; only {', '.join(sorted(READERS))} can be trained"
        )
    refuse_incomplete(index, folder)
    return READERS[kind](folder, index)


def read_unet(folder: Path, index: dict[str, Any]) -> Pipeline:
    """Read the configs of SD 1, SD 2 or SDXL; the first two differ in the width of their text.

    Raises:
        BaseRefusedError: it cannot be trained.
    """
    unet = read_json(folder / "unet/config.json", "the sizes of the UNet's layers")
    vae = read_json(folder / "vae/config.json", "the sizes of the autoencoder's layers")
    scheduler = read_json(folder / SCHEDULER_FILE, "the noise schedule")
    refuse_other_inputs(int(unet.get("in_channels", LATENT_CHANNELS)))
    reduction = 2 ** (len(vae.get("block_out_channels", ())) - 1)
    kind = "sdxl" if index["_class_name"] == "StableDiffusionXLPipeline" else "sd"
    return Pipeline(
        folder,
        index,
        family_of(kind, unet),
        prediction_of(scheduler),
        int(unet.get("sample_size") or 0) * reduction,
    )


def read_zimage(folder: Path, index: dict[str, Any]) -> Pipeline:
    """Read the configs of a Z-Image.

    Raises:
        BaseRefusedError: it cannot be trained.
    """
    transformer = read_json(folder / "transformer/config.json", "the transformer's sizes")
    vae = read_json(folder / "vae/config.json", "the sizes of the autoencoder's layers")
    scheduler = read_json(folder / SCHEDULER_FILE, "the shift of the noise")
    if transformer.get("siglip_feat_dim") is not None:
        raise BaseRefusedError(
            "transformer/config.json: siglip_feat_dim makes it one for editing pictures; use the"
            " text-to-image model"
        )
    kind = scheduler.get("_class_name")
    if kind != FLOW_SCHEDULER or scheduler.get("use_dynamic_shifting"):
        raise BaseRefusedError(
            f"{SCHEDULER_FILE}: a Z-Image is trained with {FLOW_SCHEDULER} and one shift for all"
            " sizes, as the released ones have"
        )
    return Pipeline(
        folder,
        index,
        "zimage",
        "flow_prediction",
        int(vae.get("sample_size") or ZIMAGE_RESOLUTION),
        is_distilled=float(scheduler.get("shift", 1.0)) <= TURBO_SHIFT,
    )


READERS: dict[str, Callable[[Path, dict[str, Any]], Pipeline]] = {
    "StableDiffusionPipeline": read_unet,
    "StableDiffusionXLPipeline": read_unet,
    "ZImagePipeline": read_zimage,
}
"""Pipelines that can be trained."""


def prediction_of(scheduler: dict[str, Any]) -> PredictionType:
    """Return what the scheduler says that the UNet predicts.

    Raises:
        BaseRefusedError: the trainer knows no such objective.
    """
    found = scheduler.get("prediction_type", "epsilon")
    if found == "v_prediction":
        return "v_prediction"
    if found == "epsilon":
        return "epsilon"
    raise BaseRefusedError(
        f"{SCHEDULER_FILE}: prediction_type {found!r} cannot be trained;"
        " epsilon and v_prediction can"
    )


def family_of(kind: str, unet: dict[str, Any]) -> Architecture:
    """Return the family: SD 1's text is 768 wide; SD 2's is 1024 wide, with linear projections."""
    if kind == "sdxl":
        return "sdxl"
    is_sd1 = unet.get("cross_attention_dim") == SD1_TEXT_WIDTH
    return "sd1" if is_sd1 and not unet.get("use_linear_projection") else "sd2"


def refuse_other_inputs(channels: int) -> None:
    """Refuse a UNet for other tasks than text to image.

    Raises:
        BaseRefusedError: it is one for inpainting or for editing.
    """
    if channels != LATENT_CHANNELS:
        raise BaseRefusedError(
            f"the UNet takes {channels} channels, not {LATENT_CHANNELS}: it is made for inpainting"
            " or editing; use the text-to-image model"
        )


def refuse_incomplete(index: dict[str, Any], folder: Path) -> None:
    """Refuse a folder that lacks files.

    Raises:
        BaseRefusedError: it names each file, what it is needed for, and what to do.
    """
    files = files_below(folder)
    lacks = missing_files(index, files)
    if not lacks:
        return
    pickles = sorted(path for path in files if path.endswith((".bin", ".ckpt", ".pt")))
    lines = "".join(f"\n  {lack.path}: {lack.why}" for lack in lacks)
    advice = (
        f"{pickles[0]} is a pickle, which can run code when it is loaded, and is not read: save the"
        " pipeline with safe_serialization=True"
        if pickles
        else "copy them from where the folder comes from"
    )
    raise BaseRefusedError(f"{folder}: {len(lacks)} files are missing; {advice}{lines}")


def read_json(path: Path, why: str) -> dict[str, Any]:
    """Return a JSON file's object.

    Raises:
        BaseRefusedError: it is missing or damaged.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BaseRefusedError(f"{path} is missing: it says {why}") from None
    except (OSError, ValueError) as error:
        raise BaseRefusedError(f"{path} cannot be read: it says {why}") from error
    if not isinstance(found, dict):
        raise BaseRefusedError(f"{path} is no JSON object: it says {why}")
    return found


def files_below(folder: Path) -> list[str]:
    """Return every file below the folder, relative to it, sorted; links are followed."""
    found = [
        Path(parent, name).relative_to(folder).as_posix()
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
    ]
    return sorted(found)


def used_files(pipeline: Pipeline, variant: str | None = None) -> list[str]:
    """Return the files that a picture depends on, without copies of the weights in other types.

    Args:
        pipeline: the folder.
        variant: ``fp16`` prefers those weights where a folder has both.

    Raises:
        BaseRefusedError: folders without plain weights have different variants.
    """
    parts = components(pipeline.model_index)
    inside = [
        path
        for path in files_below(pipeline.folder)
        if path.partition("/")[0] in parts and path.endswith((*CONFIG_SUFFIXES, ".safetensors"))
    ]
    chosen = [path for path in inside if is_chosen(path, inside, variant)]
    if len(found := variants_of(chosen)) > 1:
        raise BaseRefusedError(
            f"the weights have the variants {', '.join(found)}; keep one of them, or plain weights"
        )
    return sorted([MODEL_INDEX, *chosen])


def is_chosen(path: str, files: Sequence[str], variant: str | None) -> bool:
    """Return whether a file is no weights, or the ones to take of its folder."""
    folder, _, name = path.rpartition("/")
    match = WEIGHTS.fullmatch(name)
    if match is None:
        return not name.endswith(".safetensors")
    beside = [WEIGHTS.fullmatch(other.rpartition("/")[2]) for other in files if _in(other, folder)]
    names = {found["variant"] for found in beside if found}
    if variant in names:
        return bool(match["variant"] == variant)
    return match["variant"] is None or None not in names


def _in(path: str, folder: str) -> bool:
    return path.rpartition("/")[0] == folder


def hash_files(folder: Path, paths: Sequence[str], print_line: PrintLine) -> dict[str, str]:
    """Return the SHA-256 of each file; large ones are announced."""
    size = sum((folder / path).stat().st_size for path in paths)
    print_line(f"hashing {len(paths)} files, {size / 1e9:.2f} GB")
    with ThreadPoolExecutor(HASH_THREADS) as pool:
        return dict(zip(paths, pool.map(lambda path: sha256_of(folder / path), paths), strict=True))


def sha256_of(path: Path) -> str:
    """Return the hash of a file of any size."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def left_out(pipeline: Pipeline) -> list[str]:
    """Return the components that are not used."""
    return [name for name in UNUSED if (pipeline.folder / name).is_dir()]
