"""The metadata of the file for web interfaces, under the names that these and kohya's scripts read.

``ss_*`` says how the adapter was trained, ``modelspec.*`` what it is (Stability AI's model metadata
standard, 1.0.0), ``sshs_*`` is the hash that web interfaces identify it by. It contains the trigger
word but no prompt, and no time, so the same training gives the same bytes.
"""

import hashlib
import json
from typing import NamedTuple

from safetensors.torch import save
from torch import Tensor

from contracts.base import Architecture, BaseCard, PredictionType
from contracts.shared.weights.families import FAMILIES
from trainer.config.recipe import Recipe


class Words(NamedTuple):
    """What other tools call the bases of one family and one prediction type."""

    architecture: str
    """``modelspec.architecture``, without ``/lora``."""
    version: str
    """``ss_base_model_version``; kohya's scripts, or ai-toolkit of a Z-Image, write it."""


WORDS: dict[tuple[Architecture, PredictionType], Words] = {
    ("sd1", "epsilon"): Words("stable-diffusion-v1", "sd_v1"),
    ("sd1", "v_prediction"): Words("stable-diffusion-v1", "sd_v1_v"),
    ("sd2", "epsilon"): Words("stable-diffusion-v2-512", "sd_v2"),
    ("sd2", "v_prediction"): Words("stable-diffusion-v2-768-v", "sd_v2_v"),
    ("sdxl", "epsilon"): Words("stable-diffusion-xl-v1-base", "sdxl_base_v1-0"),
    ("sdxl", "v_prediction"): Words("stable-diffusion-xl-v1-base", "sdxl_base_v1-0"),
    ("zimage", "flow_prediction"): Words("z-image", "zimage"),
}

PREDICTIONS: dict[PredictionType, str] = {"epsilon": "epsilon", "v_prediction": "v"}
"""``modelspec.prediction_type``; the standard has no word for flow matching."""


def kohya_metadata(card: BaseCard, recipe: Recipe, tensors: dict[str, Tensor]) -> dict[str, str]:
    """Return the metadata of a file with these tensors."""
    digest = content_hash(tensors)
    return {
        **model_spec(card, recipe),
        **training_metadata(card, recipe),
        "modelspec.hash_sha256": f"0x{digest}",
        "sshs_model_hash": digest,
    }


def content_hash(tensors: dict[str, Tensor]) -> str:
    """Return the hash of a safetensors file without its header: metadata does not change it."""
    data: bytes = save(tensors)
    return hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()


def model_spec(card: BaseCard, recipe: Recipe) -> dict[str, str]:
    """Return the ``modelspec.*`` fields."""
    count = len(recipe.subjects)
    subjects = "one subject" if count == 1 else f"{count} subjects"
    fields = {
        "sai_model_spec": "1.0.0",
        "architecture": f"{WORDS[card.family, card.prediction_type].architecture}/lora",
        "implementation": "diffusers",
        "resolution": f"{recipe.resolution}x{recipe.resolution}",
        "title": recipe.job_id,
        "trigger_phrase": ", ".join(recipe.trigger_words),
        "usage_hint": f"Write {' or '.join(recipe.trigger_words)} in the prompt.",
        "description": f"A LoRA of {subjects} for {card.base_id}, made by Likeness.",
    }
    if card.prediction_type in PREDICTIONS:
        fields["prediction_type"] = PREDICTIONS[card.prediction_type]
    if card.license is not None:
        fields["license"] = card.license
    return {f"modelspec.{name}": value for name, value in fields.items()}


def training_metadata(card: BaseCard, recipe: Recipe) -> dict[str, str]:
    """Return the ``ss_*`` fields, each value as kohya's scripts write it."""
    fields: dict[str, object] = {
        "base_model_version": WORDS[card.family, card.prediction_type].version,
        "v2": card.family == "sd2",
        "sd_model_name": card.base_id,
        "sd_model_hash": card.sha256,
        "output_name": recipe.job_id,
        "network_module": "networks.lora",
        "network_dim": recipe.rank,
        "network_alpha": recipe.alpha_of(FAMILIES[card.family].network),
        "network_dropout": recipe.lora_dropout,
        "resolution": (recipe.resolution, recipe.resolution),
        "seed": recipe.seed,
        "max_train_steps": recipe.steps,
        "total_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.gradient_accumulation_steps,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "max_grad_norm": recipe.max_grad_norm,
        "learning_rate": recipe.learning_rate,
        "unet_lr": recipe.learning_rate,
        "text_encoder_lr": recipe.text_encoder_lr,
        "lr_scheduler": recipe.lr_scheduler or "cosine",
        "lr_warmup_steps": recipe.warm_up_steps,
        "optimizer": recipe.optimizer,
        "min_snr_gamma": recipe.snr_gamma or None,
        "noise_offset": recipe.noise_offset or None,
        "prior_loss_weight": recipe.prior_loss_weight,
        "num_reg_images": recipe.class_images,
        "tag_frequency": json.dumps({"1_subject": dict.fromkeys(recipe.trigger_words, 1)}),
    }
    return {f"ss_{name}": str(value) for name, value in fields.items()}
