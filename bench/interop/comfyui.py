"""ComfyUI's own loader takes our file: every key finds its weight, and the merged base draws."""

import importlib
import logging
import sys
import types
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import nn

from bench.interop.drawing import (
    Line,
    check_by_size,
    counting,
    draw,
    figure,
    load,
    picture_figures,
    report,
    sgm_tree,
    stand_in,
    text_path,
)
from bench.interop.sizes import REAL_UNETS

MEDIA_LIBRARIES = (
    *("torchvision", "torchvision.ops", "torchvision.transforms", "torchvision.transforms.v2"),
    *("torchvision.transforms.functional", "torchaudio", "torchaudio.transforms", "av"),
    *("torchaudio.functional",),
)
"""What ComfyUI imports for other models; there is no build of them beside PyTorch's for CPUs."""

CLIP_NAMES = {
    "sd1": {"text_encoder": "clip_l"},
    "sd2": {"text_encoder": "clip_h"},
    "sdxl": {"text_encoder": "clip_l", "text_encoder_2": "clip_g"},
}


def main() -> None:
    """Print the figures of cases as JSON: the checkout, and their folders."""
    checkout, *folders = sys.argv[1:]
    sys.path.insert(0, checkout)
    # The fork for AMD installs packages when this module is imported.
    stand_in("comfy.zluda", *MEDIA_LIBRARIES)
    sys.argv = ["comfyui", "--cpu"]
    importlib.import_module("comfy.options").enable_args_parsing()
    report(check_by_size(check_tiny, check_real), folders)


def patches(model: nn.Module, clip: nn.Module, file: Path) -> tuple[dict[str, Any], int]:
    """Return ComfyUI's patches by the weight that they change, and the count of keys left over."""
    lora = importlib.import_module("comfy.lora")
    convert = importlib.import_module("comfy.lora_convert")
    names = lora.model_lora_keys_clip(clip, lora.model_lora_keys_unet(model, {}))
    with counting(logging.getLogger(), "not loaded") as left_over:
        found = lora.load_lora(convert.convert_lora(load_file(file)), names)
    return found, left_over.count


def check_real(folder: Path, family: str, file: Path) -> list[Line]:
    """Load into ComfyUI's own networks of the real size."""
    detection = importlib.import_module("comfy.model_detection")
    with torch.device("meta"):
        unet = UNet2DConditionModel(**REAL_UNETS[family])
        config = detection.model_config_from_diffusers_unet(unet.state_dict())
        config.unet_config = {**config.unet_config, "dtype": torch.float32}
        base = importlib.import_module("comfy.model_base")
        model = base.BaseModel(config, device="meta")
        clips = importlib.import_module(
            {
                "sd1": "comfy.sd1_clip",
                "sd2": "comfy.text_encoders.sd2_clip",
                "sdxl": "comfy.sdxl_clip",
            }[family]
        )
        kind = {"sd1": "SD1ClipModel", "sd2": "SD2ClipModel", "sdxl": "SDXLClipModel"}[family]
        clip = getattr(clips, kind)(device="meta", dtype=torch.float32)
    found, left_over = patches(model, clip, file)
    weights = {*model.state_dict(), *clip.state_dict()}
    pairs = len(load_file(file)) / 3
    name = f"ComfyUI, {folder.name}"
    return [
        figure(f"{name}: keys left over", left_over, 0),
        figure(f"{name}: pairs loaded", len(found.keys() & weights), pairs, "more"),
    ]


def check_tiny(folder: Path, family: str, file: Path) -> list[Line]:
    """Load into the tiny base under ComfyUI's names, merge with its code, and draw."""
    pipeline = load(folder / "base", family)
    tree = nn.Module()
    tree.add_module("diffusion_model", sgm_tree(pipeline.unet))
    tree.model_config = types.SimpleNamespace(unet_config=unet_config(pipeline.unet))
    clip = nn.Module()
    for network, name in CLIP_NAMES[family].items():
        place = nn.Module()
        place.add_module("transformer", getattr(pipeline, network))
        clip.add_module(name, place)
    found, left_over = patches(tree, clip, file)
    lora = importlib.import_module("comfy.lora")
    places = {**dict(tree.named_parameters()), **named_weights(clip)}
    with torch.no_grad():
        for key, patch in found.items():
            weight = places[key]
            merged = lora.calculate_weight([(1.0, patch, 1.0, None, None)], weight.clone(), key)
            weight.copy_(merged)
    name = f"ComfyUI, {folder.name}"
    figures = [figure(f"{name}: keys left over", left_over, 0)]
    return figures + picture_figures(name, draw(pipeline, family), folder, family)


def named_weights(clip: nn.Module) -> dict[str, Any]:
    """Return the weights of text encoders by the names of transformers 4."""
    named = {}
    for name, weight in clip.named_parameters():
        head, path = name.split(".transformer.", 1)
        named[f"{head}.transformer.{text_path(path)}"] = weight
    return named


def unet_config(unet: nn.Module) -> dict[str, Any]:
    """Return a UNet's shape in ComfyUI's words."""
    config = unet.config
    depths = config.transformer_layers_per_block
    levels = len(config.block_out_channels)
    depths = [depths] * levels if isinstance(depths, int) else list(depths)
    crossed = [
        d if "Cross" in k else 0 for d, k in zip(depths, config.down_block_types, strict=True)
    ]
    size = config.layers_per_block
    return {
        "num_res_blocks": [size] * levels,
        "channel_mult": [1] * levels,
        "transformer_depth": [d for d in crossed for _ in range(size)],
        "transformer_depth_output": [d for d in crossed for _ in range(size + 1)],
        "transformer_depth_middle": depths[-1],
    }


if __name__ == "__main__":
    main()
