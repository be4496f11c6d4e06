"""SDXL's refiner beside a base: its UNet is checked against the base and copied."""

import shutil
from pathlib import Path
from typing import Any

from contracts.base import RefinerFiles, hash_of_files
from contracts.shared.weights.pipeline_files import (
    CONFIG_SUFFIXES,
    MODEL_INDEX,
    REFINER_FOLDER,
    WEIGHTS,
    missing_refiner_files,
)
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bases.folder import (
    Pipeline,
    files_below,
    hash_files,
    is_chosen,
    prediction_of,
    read_json,
    refuse_other_inputs,
    sha256_of,
)
from likeness_client.printing import PrintLine

KINDS = ("StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLPipeline")
PLAIN_IDS, SCORED_IDS = 6, 5
"""Numbers beside the text: sizes and crop; with an aesthetic score in place of the last size."""


def take_refiner(
    source: Path | None, base: Pipeline, variant: str | None, print_line: PrintLine
) -> RefinerFiles | None:
    """Copy a refiner into the base's folder; return the files of the one that is there.

    Raises:
        BaseRefusedError: it is none, or not one for this base.
    """
    target = base.folder / REFINER_FOLDER
    if source is not None:
        check_refiner(source, base)
        if source.resolve() != target.resolve():
            copy_refiner(source, target, variant)
    if not (target / MODEL_INDEX).is_file():
        return None
    check_refiner(target, base)
    paths = [f"{REFINER_FOLDER}/{path}" for path in chosen_files(target, variant)]
    if lacks := missing_refiner_files(paths):
        raise BaseRefusedError(f"{base.folder}: {lacks[0].path} is missing: {lacks[0].why}")
    files = hash_files(base.folder, paths, print_line)
    return RefinerFiles(sha256=hash_of_files(files), files=files)


def copy_refiner(source: Path, target: Path, variant: str | None) -> None:
    """Copy the files that are used; what was there before is removed."""
    if target.exists():
        shutil.rmtree(target)
    for path in chosen_files(source, variant):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / path)


def chosen_files(folder: Path, variant: str | None) -> list[str]:
    """Return the index and the UNet's files, without copies of its weights in other types."""
    inside = [
        path
        for path in files_below(folder)
        if path.startswith("unet/") and path.endswith((*CONFIG_SUFFIXES, ".safetensors"))
    ]
    return [MODEL_INDEX, *(path for path in inside if is_chosen(path, inside, variant))]


def check_refiner(folder: Path, base: Pipeline) -> None:
    """Compare a refiner with its base.

    Raises:
        BaseRefusedError: it says what does not fit.
    """
    name = f"the refiner {folder}"
    index = read_json(folder / MODEL_INDEX, "how the refiner takes its prompts")
    if base.family != "sdxl":
        raise BaseRefusedError(f"{name}: only SDXL has a refiner, and the base is {base.family}")
    kind = str(index.get("_class_name"))
    if kind not in KINDS:
        raise BaseRefusedError(f"{name}: {MODEL_INDEX} says {kind}, and must say {KINDS[0]}")
    if has_encoder(index, "text_encoder"):
        raise BaseRefusedError(
            f"{name}: it has a first text encoder, so it is a base; a refiner has only the second"
        )
    check_unet(name, index, read_json(folder / "unet/config.json", "the sizes of its UNet"), base)
    check_schedule(name, folder, base)
    check_encoder(name, folder, base)


def has_encoder(index: dict[str, Any], name: str) -> bool:
    """Return whether a pipeline has a part."""
    part = index.get(name)
    return bool(isinstance(part, list) and part and part[-1])


def check_unet(name: str, index: dict[str, Any], unet: dict[str, Any], base: Pipeline) -> None:
    """Compare the UNet's inputs with what the base's second text encoder makes."""
    refuse_other_inputs(int(unet.get("in_channels", 4)))
    encoder = read_json(base.folder / "text_encoder_2/config.json", "the width of its text")
    width, pooled = encoder.get("hidden_size"), int(encoder.get("projection_dim", 0))
    ids = SCORED_IDS if index.get("requires_aesthetics_score") else PLAIN_IDS
    more = pooled + ids * int(unet.get("addition_time_embed_dim") or 0)
    found = (unet.get("cross_attention_dim"), unet.get("projection_class_embeddings_input_dim"))
    if found != (width, more):
        raise BaseRefusedError(
            f"{name}: its UNet takes text of the widths {found[0]} and {found[1]}, and the base's"
            f" second text encoder makes {width} and {more}"
        )


def check_schedule(name: str, folder: Path, base: Pipeline) -> None:
    """Compare what both UNets predict; the base's noise schedule is used for both."""
    path = folder / "scheduler/scheduler_config.json"
    if not path.is_file():  # a refiner that was copied has none
        return
    found = prediction_of(read_json(path, "the noise schedule"))
    if found != base.prediction_type:
        raise BaseRefusedError(
            f"{name}: its UNet predicts {found}, and the base's {base.prediction_type}"
        )


def check_encoder(name: str, folder: Path, base: Pipeline) -> None:
    """Compare the second text encoders, where both folders have weights of the same name.

    The base's is used for both, as in diffusers' documentation.
    """
    for path in sorted((folder / "text_encoder_2").glob("*.safetensors")):
        ours = base.folder / "text_encoder_2" / path.name
        same = not ours.is_file() or sha256_of(ours) == sha256_of(path)
        if WEIGHTS.fullmatch(path.name) and not same:
            raise BaseRefusedError(
                f"{name}: its text_encoder_2/{path.name} is not the base's; the server reads the"
                " refiner's prompts with the base's second text encoder"
            )
