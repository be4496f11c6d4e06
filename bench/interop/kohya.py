"""kohya's own scripts take our file: the merge scripts, and ``--network_weights`` of a training."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

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
)
from bench.interop.sizes import REAL_TEXTS, TEXTS_OF

Tensors = dict[str, Tensor]
Reader = Callable[[str, torch.dtype], tuple[Tensors, object]]

MISSED = "no module found"
"""What kohya's merge scripts log for a tensor that they leave out."""


def main() -> None:
    """Print the figures of cases as JSON: the checkout, and their folders."""
    checkout = Path(sys.argv[1])
    sys.path[:0] = [str(checkout), str(checkout / "networks")]
    # kohya's library imports it for pictures; there is no build beside PyTorch's for CPUs.
    stand_in("torchvision")
    report(check_by_size(check_tiny, check_real), sys.argv[2:])


def merge(family: str, texts: list[nn.Module], unet: nn.Module, file: Path) -> int:
    """Run kohya's merge; return how many pairs it left out."""
    script: Any = importlib.import_module("sdxl_merge_lora" if family == "sdxl" else "merge_lora")
    script.logger.setLevel("INFO")
    reader = script.load_state_dict
    script.load_state_dict = on_device(reader, next(unet.parameters()).device)
    more: tuple[list[str], ...] = ([],) if family == "sdxl" else ()  # SDXL's takes weights by block
    with counting(script.logger, MISSED) as missed:
        script.merge_to_sd_model(*texts, unet, [str(file)], [1.0], *more, torch.float32)
    script.load_state_dict = reader
    return missed.count


def on_device(read: Reader, device: torch.device) -> Reader:
    """Wrap kohya's reader: a base without values can only be merged with tensors without values."""

    def read_there(file: str, dtype: torch.dtype) -> tuple[Tensors, object]:
        tensors, metadata = read(file, dtype)
        return {key: tensor.to(device) for key, tensor in tensors.items()}, metadata

    return read_there


def check_tiny(folder: Path, family: str, file: Path) -> list[Line]:
    """Merge into the tiny base, and draw with it."""
    pipeline = load(folder / "base", family)
    texts = [pipeline.text_encoder]
    if family == "sdxl":
        texts.append(pipeline.text_encoder_2)
    unet = sgm_tree(pipeline.unet) if family == "sdxl" else pipeline.unet
    left_out = merge(family, texts, unet, file)
    name = f"kohya, {folder.name}, merge"
    figures = [figure(f"{name}: pairs left out", left_out, 0)]
    return figures + picture_figures(name, draw(pipeline, family), folder, family)


def check_real(folder: Path, family: str, file: Path) -> list[Line]:
    """Merge into kohya's own networks of the real size, and load as ``--network_weights`` does."""
    left_out = merge(family, *kohyas_networks(family), file)
    texts, unet = kohyas_networks(family)
    lora = importlib.import_module("networks.lora")
    network, _ = lora.create_network_from_weights(
        1.0, str(file), None, texts if len(texts) > 1 else texts[0], unet
    )
    tensors = load_file(file)
    with_text = any(not key.startswith("lora_unet_") for key in tensors)
    network.apply_to(texts, unet, with_text, True)
    info = network.load_weights(str(file))
    modules = len(network.text_encoder_loras) + len(network.unet_loras)
    name = f"kohya, {folder.name}"
    return [
        figure(f"{name}, merge: pairs left out", left_out, 0),
        figure(f"{name}, --network_weights: keys missing", len(info.missing_keys), 0),
        figure(f"{name}, --network_weights: keys left over", len(info.unexpected_keys), 0),
        figure(f"{name}, --network_weights: tensors", 3 * modules, len(tensors), "more"),
    ]


def kohyas_networks(family: str) -> tuple[list[nn.Module], nn.Module]:
    """Return text encoders and kohya's UNet, of the real size and without values."""
    with torch.device("meta"):
        texts = [CLIPTextModel(CLIPTextConfig(**REAL_TEXTS[n])) for n in TEXTS_OF[family]]
        if family == "sdxl":
            sdxl = importlib.import_module("library.sdxl_original_unet")
            return texts, sdxl.SdxlUNet2DConditionModel()
        sd = importlib.import_module("library.original_unet")
        width = {"sd1": 768, "sd2": 1024}[family]
        heads = 8 if family == "sd1" else [5, 10, 20, 20]
        return texts, sd.UNet2DConditionModel(
            sample_size=64,
            attention_head_dim=heads,
            cross_attention_dim=width,
            use_linear_projection=family == "sd2",
        )


if __name__ == "__main__":
    main()
