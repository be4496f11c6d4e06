"""The adapters that the tools load: written by the trainer's own exporter, with random weights."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from bench.interop.sizes import REAL_TEXTS, REAL_UNETS, TEXTS_OF
from contracts.base import BaseCard
from contracts.shared.weights.families import TEXT_TARGETS
from tests.smoke.tiny_pipelines import Family, make_base, write_card
from trainer.config.recipe import Recipe, RecipeSubject
from trainer.export.adapter_files import MAGNITUDE, write_adapter
from trainer.model.architectures import ARCHITECTURES

FAMILIES: tuple[Family, ...] = ("sdxl", "sd1", "sd2")
RANK, ALPHA, TEXT_RANK, TEXT_ALPHA = 4, 2.0, 2, 3.0


@dataclass(frozen=True)
class Case:
    """One adapter: ``adapter/`` in its folder; beside a tiny one ``base/`` and ``merged/``."""

    folder: Path
    family: Family
    size: str
    """``tiny`` or ``real``."""
    text: bool
    """Whether the text encoders have adapters."""
    dora: bool = False
    """Whether every layer has row lengths; tools other than diffusers and peft read no such file,
    or read it otherwise (decision 0110)."""


def make_cases(folder: Path) -> list[Case]:
    """Write every case and ``case.json`` in it."""
    cases = [
        Case(folder / f"{size}-{family}{'-text' if text else ''}", family, size, text)
        for size in ("tiny", "real")
        for family in FAMILIES
        for text in (False, True)
    ]
    cases += [
        Case(folder / f"tiny-{name}-dora", name, "tiny", text=True, dora=True) for name in FAMILIES
    ]
    for case in cases:
        case.folder.mkdir(parents=True)
        about = {"family": case.family, "size": case.size, "text": case.text}
        (case.folder / "case.json").write_text(json.dumps(about))
        (write_tiny if case.size == "tiny" else write_real)(case)
    return cases


def write_tiny(case: Case) -> None:
    """Write a tiny base, an adapter for it, and the base with the adapter merged by hand."""
    from trainer.model.base import load_base  # noqa: PLC0415 (slow, and not needed for real sizes)

    card = with_official_blocks(case.folder / "base", make_base(case.folder / "base", case.family))
    base = load_base(case.folder / "base", card, torch.device("cpu"), torch.float32)
    networks = {"unet": base.pipeline.unet, **(base.text_encoders() if case.text else {})}
    weights = random_weights(networks, dora=case.dora)
    write_adapter(case.folder, base, replace(recipe(), use_dora=case.dora), weights)
    with torch.no_grad():
        merge(networks, weights)
    base.pipeline.save_pretrained(case.folder / "merged")
    for text_encoder in case.folder.glob("*/text_encoder*/model.safetensors"):
        name_for_transformers_4(text_encoder)


def with_official_blocks(folder: Path, card: BaseCard) -> BaseCard:
    """Give a tiny base's UNet the two layers a block of the real ones: A1111 counts on them."""
    torch.manual_seed(0)
    config = UNet2DConditionModel.load_config(folder / "unet")
    unet = UNet2DConditionModel.from_config({**config, "layers_per_block": 2})
    unet.save_pretrained(folder / "unet")
    return write_card(folder, card.family, card.prediction_type)


def write_real(case: Case) -> None:
    """Write an adapter for a base of the real size, whose layers hold no values."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(**REAL_UNETS[case.family])
        texts = [CLIPTextModel(CLIPTextConfig(**REAL_TEXTS[n])) for n in TEXTS_OF[case.family]]
    networks = {"unet": unet}
    if case.text:
        names = ARCHITECTURES[case.family].text.networks
        networks |= dict(zip(names, texts, strict=True))
    card = real_card(case.family)
    denoiser = ARCHITECTURES[case.family].denoiser
    base = SimpleNamespace(card=card, denoiser=denoiser, network=unet)
    write_adapter(case.folder, base, recipe(), random_weights(networks))  # type: ignore[arg-type]


def real_card(family: Family) -> BaseCard:
    """Return a card whose hashes mean nothing."""
    return BaseCard.model_validate(
        {
            "base_id": "real",
            "family": family,
            "revision": "1",
            "sha256": "0" * 64,
            "files": {},
            "prediction_type": "epsilon",
            "resolution": 512,
            "training": {
                "learning_rate": 1e-4,
                "train_batch_size": 1,
                "rank": RANK,
                "steps_per_photo": 1,
                "min_train_steps": 1,
                "max_train_steps": 1,
            },
            "inference": {"num_inference_steps": 2, "guidance_scale": 2, "scheduler": "x"},
            "gate": {"min_effect": 0},
        }
    )


def recipe() -> Recipe:
    """Return a recipe in which no alpha is its rank, and the text encoders have another rank."""
    return Recipe(
        job_id="0" * 32,
        seed=3,
        resolution=64,
        steps=10,
        batch_size=1,
        rank=RANK,
        alpha=ALPHA,
        learning_rate=1e-3,
        text_encoder_lr=1e-4,
        text_encoder_rank=TEXT_RANK,
        text_encoder_alpha=TEXT_ALPHA,
        target_modules=("to_k", "to_q", "to_v", "to_out.0"),
        subjects=(RecipeSubject("zwx", "a photo of zwx person", "a photo of a person"),),
        class_images=0,
        prior_loss_weight=1.0,
    )


def adapted_layers(networks: dict[str, Any]) -> dict[str, Any]:
    """Return the layers that a training adapts by default, by ``<network>.<path>``."""
    targets = {
        name: recipe().target_modules if name == "unet" else TEXT_TARGETS for name in networks
    }
    return {
        f"{network}.{path}": layer
        for network, root in networks.items()
        for path, layer in root.named_modules()
        if path.endswith(tuple(f".{target}" for target in targets[network]))
    }


def random_weights(networks: dict[str, Any], *, dora: bool = False) -> dict[str, Any]:
    """Return the matrices, and perhaps the row lengths, of every adapted layer, by peft's names."""
    chance = torch.Generator().manual_seed(5)
    weights = {}
    for name, layer in adapted_layers(networks).items():
        out, width = layer.weight.shape
        rank = recipe().rank_of(name.split(".")[0])
        weights[f"{name}.lora_A.weight"] = torch.randn((rank, width), generator=chance) * 0.3
        weights[f"{name}.lora_B.weight"] = torch.randn((out, rank), generator=chance) * 0.3
        if dora:
            lengths = layer.weight.detach().norm(dim=1) * (1 + torch.rand(out, generator=chance))
            weights[f"{name}.{MAGNITUDE}.weight"] = lengths
    return weights


def merge(networks: dict[str, Any], weights: dict[str, Any]) -> None:
    """Add ``alpha / rank * B A`` to each layer, and give its rows their lengths."""
    for name, layer in adapted_layers(networks).items():
        network = name.split(".")[0]
        scale = recipe().alpha_of(network) / recipe().rank_of(network)
        both = weights[f"{name}.lora_B.weight"] @ weights[f"{name}.lora_A.weight"]
        layer.weight += scale * both
        lengths = weights.get(f"{name}.{MAGNITUDE}.weight")
        if lengths is not None:
            layer.weight *= (lengths / layer.weight.norm(dim=1))[:, None]


def name_for_transformers_4(file: Path) -> None:
    """Give a text encoder's tensors the names that transformers 4 reads; 5 reads them too."""
    tensors = load_file(file)
    bare = ("embeddings.", "encoder.", "final_layer_norm.")
    named = {f"text_model.{k}" if k.startswith(bare) else k: v for k, v in tensors.items()}
    save_file(named, file, metadata={"format": "pt"})
