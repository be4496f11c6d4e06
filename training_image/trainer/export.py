"""The files of an adapter, for everyone who loads one."""

import json
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from contracts.layout import ADAPTER_FOLDER, DIFFUSERS_FILE, MANIFEST_FILE
from contracts.training import AdapterManifest
from trainer.base import Base
from trainer.outcome import sha256_of, write_atomically
from trainer.plan import Recipe


def write_adapter(
    folder: Path, base: Base, recipe: Recipe, weights: dict[str, Tensor]
) -> AdapterManifest:
    """Write ``adapter/`` under a task's folder and return its manifest."""
    adapter = folder / ADAPTER_FOLDER
    tensors = to_diffusers(weights, recipe.alpha / recipe.rank)
    # One metadata key only: safetensors writes several in random order.
    about = {"rank": recipe.rank, "lora_alpha": recipe.rank, "base_sha256": base.card.sha256}
    write_atomically(
        adapter / DIFFUSERS_FILE, save(tensors, metadata={"likeness": json.dumps(about)})
    )
    manifest = AdapterManifest(
        job_id=recipe.job_id,
        base_id=base.card.base_id,
        base_revision=base.card.revision,
        base_sha256=base.card.sha256,
        family=base.card.family,
        prediction_type=base.card.prediction_type,
        rank=recipe.rank,
        lora_alpha=recipe.alpha,
        trigger_word=recipe.trigger_word,
        resolution=recipe.resolution,
        weights_sha256=sha256_of(adapter / DIFFUSERS_FILE),
    )
    write_atomically(adapter / MANIFEST_FILE, manifest.model_dump_json(indent=2).encode())
    return manifest


def to_diffusers(weights: dict[str, Tensor], factor: float) -> dict[str, Tensor]:
    """Return weights as diffusers reads them.

    Args:
        weights: by ``<network>.<layer>.lora_A|B.weight``.
        factor: alpha / rank; folded into B, because a diffusers file cannot carry alpha and its
            readers take it as equal to the rank.
    """
    return {
        canonical_key(key): (tensor * factor if ".lora_B." in key else tensor).contiguous()
        for key, tensor in weights.items()
    }


def canonical_key(key: str) -> str:
    """Return a key as every reader expects it: transformers 5 lost CLIP's ``text_model`` level.

    >>> canonical_key("text_encoder.encoder.layers.0.self_attn.q_proj.lora_A.weight")
    'text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight'
    """
    network, layer = key.split(".", 1)
    lost = network.startswith("text_encoder") and layer.startswith("encoder.")
    return f"{network}.text_model.{layer}" if lost else key


def list_files(folder: Path) -> dict[str, str]:
    """Return the hash of every file of the adapter, by its path under the task's folder."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted((folder / ADAPTER_FOLDER).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
