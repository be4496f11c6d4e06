"""The files of an adapter: for diffusers, for web interfaces and for peft, and the manifest."""

import json
from collections.abc import Collection
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import save
from torch import Tensor

from contracts.documents.training import AdapterManifest
from contracts.shared.layout.container import (
    ADAPTER_FOLDER,
    DIFFUSERS_FILE,
    MANIFEST_FILE,
    PEFT_FOLDER,
    webui_file,
)
from contracts.shared.weights import lora_names
from contracts.shared.weights.families import TEXT_TARGETS
from trainer.config.recipe import Recipe
from trainer.export.kohya_metadata import kohya_metadata
from trainer.export.low_rank import as_low_rank
from trainer.model.base import Base
from trainer.process.results import sha256_of, write_atomically

MAGNITUDE = "lora_magnitude_vector"
"""DoRA's trained row lengths, by peft's and diffusers' name; kohya's is ``dora_scale``."""


def write_adapter(
    folder: Path, base: Base, recipe: Recipe, weights: dict[str, Tensor]
) -> AdapterManifest:
    """Write ``adapter/`` under a task's folder and return its manifest.

    ``weights`` have the names of ``lora.weights``. LoKr is written as the plain LoRA it equals.
    """
    weights, recipe = as_low_rank(weights, recipe)
    adapter = folder / ADAPTER_FOLDER
    tensors = to_diffusers(weights, recipe)
    about = {"rank": recipe.rank, "lora_alpha": recipe.rank, "base_sha256": base.card.sha256}
    metadata = {"likeness": json.dumps(about)}
    write_atomically(adapter / DIFFUSERS_FILE, pack(tensors, metadata))
    webui = webui_file(recipe.trigger_word, base.card.family, recipe.job_id)
    write_atomically(adapter / webui, pack(*to_webui(weights, base, recipe)))
    write_peft(adapter / PEFT_FOLDER, recipe, weights)
    manifest = AdapterManifest(
        job_id=recipe.job_id,
        base_id=base.card.base_id,
        base_revision=base.card.revision,
        base_sha256=base.card.sha256,
        family=base.card.family,
        prediction_type=base.card.prediction_type,
        rank=recipe.rank,
        lora_alpha=recipe.alpha_of(base.denoiser.name),
        text_encoder_rank=recipe.text_encoder_rank,
        trigger_word=recipe.trigger_word,
        trigger_words=recipe.trigger_words if len(recipe.subjects) > 1 else (),
        resolution=recipe.resolution,
        weights_sha256=sha256_of(adapter / DIFFUSERS_FILE),
    )
    write_atomically(adapter / MANIFEST_FILE, manifest.model_dump_json(indent=2).encode())
    return manifest


def pack(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """Return a safetensors file that has the same bytes for the same content.

    The library writes metadata in random order, so the header is written again, sorted.
    """
    data: bytes = save(tensors, metadata=metadata)
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    text = json.dumps(header | {"__metadata__": dict(sorted(metadata.items()))}).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[start:]


def to_diffusers(weights: dict[str, Tensor], recipe: Recipe) -> dict[str, Tensor]:
    """Return weights, given by the names of ``lora.weights``, as diffusers reads them.

    alpha / rank is multiplied into B, because a diffusers file cannot carry alpha and its readers
    assume that it equals the rank.
    """
    tensors = {}
    for key, tensor in weights.items():
        network = key.split(".", 1)[0]
        factor = recipe.alpha_of(network) / recipe.rank_of(network)
        folded = tensor * factor if ".lora_B." in key else tensor
        name = lora_names.with_text_model(key)
        if name.endswith(f".{MAGNITUDE}.weight"):
            name = lora_names.lengths_name(name.removesuffix(f".{MAGNITUDE}.weight"))
        tensors[name] = folded.contiguous()
    return tensors


def has_lengths(network: str, weights: Collection[str]) -> bool:
    """Return whether the names of weights include DoRA's row lengths in this network."""
    return any(key.startswith(f"{network}.") and f".{MAGNITUDE}" in key for key in weights)


def to_webui(
    weights: dict[str, Tensor], base: Base, recipe: Recipe
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors and metadata as ComfyUI reads them; of U-Nets also A1111 and kohya's scripts.

    Alpha is stored with each pair, so nothing is multiplied into B.
    """
    tensors = {}
    for key, tensor in weights.items():
        network, layer = lora_names.with_text_model(key).split(".", 1)
        path, _, part = layer.rpartition(".lora_")
        name = base.denoiser.webui_name(network, path, base.network)
        if part.startswith("magnitude"):
            tensors[f"{name}.dora_scale"] = dora_scale(tensor)
            continue
        tensors[f"{name}.lora_{'down' if part.startswith('A') else 'up'}.weight"] = tensor
        tensors[f"{name}.alpha"] = torch.tensor(recipe.alpha_of(network))
    metadata = kohya_metadata(base.card, recipe, tensors)
    return tensors, metadata | base.denoiser.webui_metadata(base.network)


def dora_scale(lengths: Tensor) -> Tensor:
    """Return the lengths of a layer's outputs with the axes of its weight, as LyCORIS has them.

    >>> dora_scale(torch.zeros(6)).shape, dora_scale(torch.zeros(1, 6, 1, 1)).shape
    (torch.Size([6, 1]), torch.Size([6, 1, 1, 1]))
    """
    columns = lengths[:, None] if lengths.dim() == 1 else lengths.transpose(0, 1)
    return columns.contiguous()


def write_peft(folder: Path, recipe: Recipe, weights: dict[str, Tensor]) -> None:
    """Write a folder for each network that ``peft.PeftModel.from_pretrained`` loads.

    A text encoder's tensors stand there twice, by their names under transformers 4 and 5: peft
    loads those that it finds in the model, and says nothing when it finds none.
    """
    for network in sorted({key.split(".", 1)[0] for key in weights}):
        own = {
            peft_key(name.removeprefix(f"{network}.")): tensor.clone()
            for key, tensor in weights.items()
            if key.startswith(f"{network}.")
            for name in (key, lora_names.with_text_model(key))
        }
        targets = targets_of(network, recipe, weights)
        config = LoraConfig(
            r=recipe.rank_of(network),
            lora_alpha=recipe.alpha_of(network),
            target_modules=list(targets),
            use_dora=has_lengths(network, weights),
            inference_mode=True,
        )
        settings = {
            name: sorted(value) if isinstance(value, set) else value
            for name, value in config.to_dict().items()
        }
        text = json.dumps(settings, indent=2, sort_keys=True)
        write_atomically(folder / network / "adapter_config.json", text.encode())
        write_atomically(
            folder / network / "adapter_model.safetensors", pack(own, {"format": "pt"})
        )


def targets_of(network: str, recipe: Recipe, weights: dict[str, Tensor]) -> tuple[str, ...]:
    """Return the layers of a network as peft's ``target_modules``.

    An import may change other layers of a text encoder than a training does; these are named one
    by one.
    """
    if not lora_names.is_of_text(network):
        return recipe.target_modules
    layers = {
        key.removeprefix(f"{network}.").rpartition(".lora_")[0]
        for key in weights
        if key.startswith(f"{network}.")
    }
    trained = all(layer.endswith(TEXT_TARGETS) for layer in layers)
    return TEXT_TARGETS if trained else tuple(sorted(layers))


def peft_key(key: str) -> str:
    """Return the key in peft's file of a weight in one network.

    >>> peft_key("to_q.lora_magnitude_vector.weight")
    'base_model.model.to_q.lora_magnitude_vector'
    """
    return f"base_model.model.{key}".replace(f"{MAGNITUDE}.weight", MAGNITUDE)


def list_files(folder: Path) -> dict[str, str]:
    """Return the hash of every file of the adapter, by its path in the task's folder."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted((folder / ADAPTER_FOLDER).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
