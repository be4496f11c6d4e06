"""A1111's own extension takes our file: every key finds its layer, and the merged base draws.

A1111's networks come from other repositories, so the extension gets the layers of diffusers' under
A1111's names for them: "sgm" paths for the UNet, and OpenCLIP's for the text encoders of SD 2 and
for the second one of SDXL.
"""

import importlib
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from bench.interop.drawing import (
    Line,
    draw,
    figure,
    load,
    picture_figures,
    place_modules,
    report,
    sgm_tree,
    stand_in,
    webui_file,
)
from bench.interop.sizes import REAL_TEXTS, REAL_UNETS, TEXTS_OF

STAND_INS = (
    *("gradio", "lora_patches", "modules", "modules.cache", "modules.errors", "modules.hashes"),
    *("modules.scripts", "modules.sd_hijack", "modules.textual_inversion"),
    *("modules.textual_inversion.textual_inversion", "modules.models", "modules.models.sd3"),
)
HEADS = 4
"""Attention heads of the stand-ins for OpenCLIP's layers; a merge does not depend on them."""


def main() -> None:
    """Print the figures of cases as JSON: the checkout, and their folders."""
    checkout = Path(sys.argv[1])
    sys.path.insert(0, str(checkout / "extensions-builtin" / "Lora"))
    report(check, sys.argv[2:])


def check(folder: Path, family: str, size: str) -> list[Line]:
    """Load a case's file; draw with a tiny base."""
    file = webui_file(folder)
    if size == "tiny":
        pipeline = load(folder / "base", family)
        texts = [pipeline.text_encoder, *filter(None, [getattr(pipeline, "text_encoder_2", None)])]
        model = Model(family, pipeline.unet, texts)
    else:
        pipeline, model = None, real_model(family)
    name = f"A1111, {folder.name}"
    left_over, pairs = merge(model, file, apply=pipeline is not None)
    figures = [figure(f"{name}: keys left over", left_over, 0)]
    figures.append(figure(f"{name}: pairs loaded", pairs, len(load_file(file)) / 3, "more"))
    if pipeline is not None:
        figures += picture_figures(name, draw(pipeline, family), folder, family)
    return figures


@dataclass
class Model:
    """``shared.sd_model``: diffusers' layers under A1111's names."""

    family: str
    unet: nn.Module
    texts: list[nn.Module]
    open_clips: list["OpenClip"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.is_sdxl = self.family == "sdxl"
        self.model = nn.Module()
        self.model.add_module("diffusion_model", sgm_tree(self.unet))
        first = (
            self.open_clip(self.texts[0]) if self.family == "sd2" else hugging_face(self.texts[0])
        )
        self.cond_stage_model = types.SimpleNamespace(wrapped=first)
        second = [self.open_clip(text) for text in self.texts[1:]]
        embedders = [types.SimpleNamespace(wrapped=each) for each in (first, *second)]
        self.conditioner = types.SimpleNamespace(embedders=embedders)

    def open_clip(self, text: nn.Module) -> nn.Module:
        """Return a text encoder as OpenCLIP names its layers."""
        made = OpenClip(text)
        self.open_clips.append(made)
        return made.root


def hugging_face(text: nn.Module) -> nn.Module:
    """Return a text encoder as A1111 holds CLIP-L, below ``transformer``."""
    return place_modules({"transformer": text})


class OpenClip:
    """A text encoder with OpenCLIP's layers: query, key and value are one matrix."""

    def __init__(self, text: nn.Module) -> None:
        self.layers = text.text_model.encoder.layers
        width = text.config.hidden_size
        named: dict[str, nn.Module] = {}
        for number, layer in enumerate(self.layers):
            head = f"model.transformer.resblocks.{number}"
            with torch.device(layer.mlp.fc1.weight.device):
                named[f"{head}.attn"] = nn.MultiheadAttention(width, HEADS)
            named[f"{head}.mlp.c_fc"] = layer.mlp.fc1
            named[f"{head}.mlp.c_proj"] = layer.mlp.fc2
        self.attentions = [each for name, each in named.items() if name.endswith(".attn")]
        self.root = place_modules(named)
        self.exchange(back=False)

    def exchange(self, *, back: bool) -> None:
        """Copy the attention's weights from transformers' layers, or back into them."""
        for layer, attention in zip(self.layers, self.attentions, strict=True):
            own = layer.self_attn
            thirds = attention.in_proj_weight.chunk(3)
            pairs = [
                *zip(
                    (own.q_proj.weight, own.k_proj.weight, own.v_proj.weight), thirds, strict=True
                ),
                (own.out_proj.weight, attention.out_proj.weight),
            ]
            for theirs, ours in pairs:
                with torch.no_grad():
                    theirs.copy_(ours) if back else ours.copy_(theirs)


def real_model(family: str) -> Model:
    """Return a model of the real size, without values."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(**REAL_UNETS[family])
        texts = [CLIPTextModel(CLIPTextConfig(**REAL_TEXTS[n])) for n in TEXTS_OF[family]]
    return Model(family, unet, texts)


def merge(model: Model, file: Path, *, apply: bool) -> tuple[int, int]:
    """Load the file with A1111's extension; return the keys left over, and the pairs loaded."""
    networks = import_extension(file.parent)
    networks.shared.sd_model = model
    networks.assign_network_names_to_compvis_modules(model)
    on_disk = types.SimpleNamespace(filename=str(file))
    network = networks.load_network("adapter", on_disk)
    loaded = len(network.modules)
    if apply:
        network.te_multiplier = network.unet_multiplier = 1.0
        networks.loaded_networks[:] = [network]
        for module in {id(m): m for m in model.network_layer_mapping.values()}.values():  # type: ignore[attr-defined]
            # A1111 merges when a layer is called; an attention does not call its own out_proj.
            if type(module) in {nn.Linear, nn.MultiheadAttention}:
                networks.network_apply_weights(module.requires_grad_(requires_grad=False))
        for each in model.open_clips:
            each.exchange(back=True)
    return len(load_file(file)) - 3 * loaded, loaded


def import_extension(folder: Path) -> ModuleType:
    """Import ``networks`` of A1111's extension, with stand-ins for the application around it.

    ``folder`` is where A1111 looks for files.
    """
    if "networks" in sys.modules:
        return sys.modules["networks"]
    stand_in(*STAND_INS)
    cpu = torch.device("cpu")
    attention = types.SimpleNamespace(QkvLinear=type("QkvLinear", (nn.Linear,), {}))
    places: dict[str, Any] = {
        "modules.shared": types.SimpleNamespace(
            opts=types.SimpleNamespace(lora_in_memory_limit=0),
            walk_files=lambda *_, **__: (),
            cmd_opts=types.SimpleNamespace(lora_dir=str(folder), lyco_dir_backcompat=str(folder)),
        ),
        "modules.devices": types.SimpleNamespace(cpu=cpu, device=cpu, dtype=torch.float32),
        "modules.sd_models": types.SimpleNamespace(read_state_dict=load_file),
        "modules.models.sd3.mmdit": attention,
    }
    for name, module in places.items():
        sys.modules[name] = module
        parent, _, own = name.rpartition(".")
        setattr(sys.modules[parent], own, module)
    sys.modules["modules"].models = sys.modules["modules.models"]  # type: ignore[attr-defined]
    sys.modules["modules.models"].sd3 = sys.modules["modules.models.sd3"]  # type: ignore[attr-defined]
    return importlib.import_module("networks")


if __name__ == "__main__":
    main()
