"""A single file of Stability AI's original layout, as its header alone tells it."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from contracts.base import Architecture, PredictionType
from contracts.shared.weights.safetensors import MAX_HEADER_BYTES
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bases.folder import refuse_other_inputs

UNET, VAE = "model.diffusion_model.", "first_stage_model."
SD_TEXT, SD2_TEXT = "cond_stage_model.transformer.text_model.", "cond_stage_model.model."
XL_TEXT_1 = "conditioner.embedders.0.transformer.text_model."
XL_TEXT_2 = "conditioner.embedders.1.model."
FIRST_LAYER = f"{UNET}input_blocks.0.0.weight"

PARTS: dict[Architecture, dict[str, str]] = {
    "sd1": {UNET: "the UNet", VAE: "the autoencoder", SD_TEXT: "the text encoder"},
    "sd2": {UNET: "the UNet", VAE: "the autoencoder", SD2_TEXT: "the text encoder"},
    "sdxl": {
        UNET: "the UNet",
        VAE: "the autoencoder",
        XL_TEXT_1: "the first text encoder",
        XL_TEXT_2: "the second text encoder",
    },
}
"""What a checkpoint of each family holds, by the beginning of its tensors' names."""

OTHERS = {
    r"lora_(unet|te)|.*\.lora_(up|down|A|B)\.": "an adapter (LoRA), no base: name its base",
    r"(model\.diffusion_model\.)?double_blocks\.": "a FLUX model",
    r"(model\.diffusion_model\.)?joint_blocks\.": "an SD 3 model",
    r"conditioner\.embedders\.0\.model\.": "SDXL's refiner, which cannot be trained on photos",
    r"down_blocks\.": "one part of a diffusers folder: name the folder",
    r"control_model\.": "a ControlNet",
    r"edm_(mean|std)": "a model with EDM's noise schedule, which the trainer does not know",
}
"""Names of tensors by which other kinds of files are known."""


@dataclass(frozen=True)
class Checkpoint:
    """Shapes and metadata of a single file."""

    path: Path
    family: Architecture
    shapes: dict[str, tuple[int, ...]]
    metadata: dict[str, str] = field(default_factory=dict)

    def count(self, pattern: str) -> int:
        """Return one more than the highest number that ``pattern``'s group has in the names."""
        found = [int(match[1]) for name in self.shapes if (match := re.match(pattern, name))]
        return max(found, default=-1) + 1

    def has(self, beginning: str) -> bool:
        """Return whether a tensor's name begins so."""
        return any(name.startswith(beginning) for name in self.shapes)

    @property
    def prediction_type(self) -> PredictionType | None:
        """What the file itself says: the tensor ``v_pred``, or ``modelspec.prediction_type``."""
        if "v_pred" in self.shapes:
            return "v_prediction"
        declared = self.metadata.get("modelspec.prediction_type", "").lower()
        known: dict[str, PredictionType] = {"v": "v_prediction", "epsilon": "epsilon"}
        return known.get(declared.removesuffix("_prediction").removesuffix("-prediction"))

    @property
    def has_zero_terminal_snr(self) -> bool:
        """Whether the noise schedule ends in pure noise: the tensor ``ztsnr``."""
        return "ztsnr" in self.shapes

    @property
    def resolution(self) -> int | None:
        """The side in pixels that ``modelspec.resolution`` names."""
        match = re.fullmatch(r"(\d+)x\1|(\d+)", self.metadata.get("modelspec.resolution", ""))
        return int(match[1] or match[2]) if match else None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the header of a single file.

    Raises:
        BaseRefusedError: it is a pickle, damaged, another model, or a part is missing.
    """
    if path.suffix in {".ckpt", ".pt", ".pth", ".bin"}:
        raise BaseRefusedError(
            f"{path.name} is a pickle, which can run code when it is loaded: convert it to"
            " safetensors where you trust it, or take the safetensors file of the same model"
        )
    shapes, metadata = read_header(path)
    family = recognise(path.name, shapes)
    lost = [
        f"{words} ({start}*)"
        for start, words in PARTS[family].items()
        if not any(name.startswith(start) for name in shapes)
    ]
    if lost:
        raise BaseRefusedError(
            f"{path.name} is a checkpoint of {family} without {' and '.join(lost)}; a base needs"
            " all parts: take the full checkpoint, not a pruned or UNet-only one"
        )
    refuse_other_inputs(shapes[FIRST_LAYER][1])
    return Checkpoint(path, family, shapes, metadata)


def recognise(name: str, shapes: Iterable[str]) -> Architecture:
    """Return the family of a checkpoint by its tensors' names.

    Raises:
        BaseRefusedError: it is none of the families.
    """
    names = list(shapes)
    for pattern, words in OTHERS.items():
        if any(re.match(pattern, one) for one in names):
            raise BaseRefusedError(f"{name} is {words}")
    for family, mark in (("sdxl", "conditioner."), ("sd2", SD2_TEXT), ("sd1", SD_TEXT)):
        if FIRST_LAYER in names and any(one.startswith(mark) for one in names):
            return cast("Architecture", family)
    if f"{UNET}label_emb.0.0.weight" in names:
        return "sdxl"
    raise BaseRefusedError(
        f"{name} is no checkpoint of SDXL, SD 1 or SD 2 in the original layout:"
        f" it has no {FIRST_LAYER} with a text encoder beside it"
    )


def read_header(path: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Return the shapes and the metadata of a safetensors file, without reading tensors.

    Raises:
        BaseRefusedError: the file is missing, is cut off, or is no safetensors file.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            raw = file.read(size) if size <= MAX_HEADER_BYTES else b""
        header = json.loads(raw)
        metadata = {str(k): str(v) for k, v in header.pop("__metadata__", {}).items()}
        shapes = {str(name): tuple(map(int, one["shape"])) for name, one in header.items()}
        end = 8 + size + max((one["data_offsets"][1] for one in header.values()), default=0)
    except OSError as error:
        raise BaseRefusedError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BaseRefusedError(f"{path.name} is no safetensors file, or is damaged") from None
    if (length := path.stat().st_size) != end:
        raise BaseRefusedError(
            f"{path.name} has {length} bytes and its header promises {end}: download it again"
        )
    return shapes, metadata
