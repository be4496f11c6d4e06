"""Read invoke-training's configuration of a LoRA training as settings.

The names are those of github.com/invoke-ai/invoke-training, pipelines/stable_diffusion/lora and
config/data. A training leaves its configuration, with every default, as config.json.
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from contracts.documents.upload.options import TargetModule
from contracts.documents.upload.problems import RequestProblem
from contracts.shared.words.prompts import DEFAULT_TRIGGER_WORD, names_subject
from domain.requests.kohya.settings import MAX_GRAD_NORM, NOT_CLIPPED
from domain.requests.networks import LAYERS
from domain.requests.request_json import printable
from domain.requests.tools.hosted import BASE, MACHINE, PLACE, UPLOAD
from domain.requests.tools.translation import ONLY_LORA, Fields, Reading, Setting

TYPES = frozenset({"SD_LORA", "SDXL_LORA", "FLUX_LORA"})
"""Pipelines that train an adapter and nothing beside it."""

NAMES = {
    "unet_learning_rate": "learning_rate",
    "text_encoder_learning_rate": "text_encoder_lr",
    "validation_prompts": "prompts",
    "validate_every_n_steps": "validation_steps",
    "optimizer.optimizer_type": "optimizer",
    "optimizer.learning_rate": "learning_rate",
    "optimizer.weight_decay": "adam_weight_decay",
    "optimizer.beta1": "adam_beta1",
    "optimizer.beta2": "adam_beta2",
    "data_loader.instance_caption": "instance_prompt",
    "data_loader.class_caption": "class_prompt",
    "data_loader.class_data_loss_weight": "prior_loss_weight",
    "data_loader.resolution": "resolution",
    "min_snr_gamma": "snr_gamma",
}
"""Path of a setting -> the name under which it is translated."""

PARTS = ("optimizer", "data_loader")
"""Tables that are opened."""

PREFIX = "data_loader.caption_prefix"
LAYERS_OF_UNET = "unet_lora_target_modules"
PICTURES = "Photos are always cropped and encoded in the same way."
SAMPLES = "Sample pictures are drawn with the stack's own settings."
SAVED = "Checkpoints and adapters are always saved."
OF_UNET = "unet_learning_rate is used instead."

NOTES = {
    **dict.fromkeys(("data_loader.dataset", "data_loader.instance_dataset"), UPLOAD),
    "data_loader.class_dataset": "Class pictures come from the folder class/, or are drawn.",
    **dict.fromkeys(("base_output_dir", "report_to", "lora_checkpoint_format"), PLACE),
    **dict.fromkeys(
        (
            *("type", "model", "hf_variant", "vae_model", "base_embeddings", "prediction_type"),
            *("transformer", "text_encoder_1", "text_encoder_2"),
        ),
        BASE,
    ),
    **dict.fromkeys(
        (
            *("weight_dtype", "xformers", "cache_vae_outputs", "cache_text_encoder_outputs"),
            *("enable_cpu_offload_during_validation", "data_loader.dataloader_num_workers"),
        ),
        MACHINE,
    ),
    **dict.fromkeys(
        ("data_loader.center_crop", "data_loader.random_flip", "data_loader.type"), PICTURES
    ),
    **dict.fromkeys(
        (
            *("num_validation_images_per_prompt", "negative_validation_prompts"),
            "validate_every_n_epochs",
        ),
        SAMPLES,
    ),
    **dict.fromkeys(("save_every_n_steps", "save_every_n_epochs", "max_checkpoints"), SAVED),
    **dict.fromkeys(
        ("optimizer.epsilon", "optimizer.use_bias_correction", "optimizer.safeguard_warmup"),
        "The optimizer's other settings are fixed.",
    ),
    PREFIX: "Captions are used unchanged.",
    LAYERS_OF_UNET: LAYERS,
    "text_encoder_lora_target_modules": LAYERS,
    "of_optimizer": OF_UNET,
}
"""Known settings without effect here."""

RANK, ALPHA = 4, 1.0
"""invoke-training's rank, and its alpha, which no setting changes."""


def is_invoke_training(given: Mapping[str, Any]) -> bool:
    """Return whether a document is a configuration of invoke-training.

    >>> is_invoke_training({"type": "SDXL_LORA", "data_loader": {}})
    True
    """
    return isinstance(given.get("type"), str) and isinstance(given.get("data_loader"), dict)


def read_invoke_training(given: Mapping[str, Any]) -> Reading:
    """Return the settings of a configuration."""
    settings = [_named(*one, given) for one in _opened(given)]
    problems = []
    if given.get("type") not in TYPES:
        problems.append(RequestProblem(field="type", message=ONLY_LORA))
    rate = _inner(given, "optimizer").get("learning_rate")
    assumed: Fields = {
        "rank": RANK,
        "lora_alpha": ALPHA,
        "lr_scheduler": "constant",
        "train_text_encoder": given.get("type") != "FLUX_LORA",
        "with_prior_preservation": False,
        "max_grad_norm": MAX_GRAD_NORM,
    }
    if rate is not None and given.get("train_text_encoder") is not False:
        assumed["text_encoder_lr"] = rate
    if _inner(given, "data_loader").get("class_dataset"):
        assumed["with_prior_preservation"] = True
    notes = {"max_grad_norm": NOT_CLIPPED, "text_encoder_lr": "The optimizer's learning_rate."}
    return Reading(settings, NOTES, assumed, tuple(problems), notes)


def _inner(given: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    inner = given.get(part)
    return inner if isinstance(inner, dict) else {}


def _opened(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each setting."""
    for name, value in given.items():
        if name in PARTS and isinstance(value, dict):
            yield from ((f"{name}.{key}", one) for key, one in value.items())
        else:
            yield name, value


def _named(path: str, value: Any, given: Mapping[str, Any]) -> Setting:  # noqa: ANN401
    """Return a setting under the name by which it is translated or noted."""
    name, shown = NAMES.get(path, path), printable(path)
    if path in ("min_snr_gamma", "max_grad_norm") and value is None:
        value = 0  # switched off
    elif path == "optimizer.learning_rate" and given.get("unet_learning_rate") is not None:
        name = "of_optimizer"
    elif path == "data_loader.aspect_ratio_buckets":
        name, value = "enable_bucket", None if value is None else True
    elif path == "data_loader.resolution" and isinstance(value, list):  # height and width
        value = min((side for side in value if isinstance(side, int)), default=None)
    elif path == PREFIX and isinstance(value, str) and names_subject(value, DEFAULT_TRIGGER_WORD):
        name = "caption_prefix"
    elif path == LAYERS_OF_UNET and _are_ours(value):
        name, value = "lora_layers", ",".join(value)
    return name, shown, value


def _are_ours(layers: object) -> bool:
    known = set(get_args(TargetModule))
    return isinstance(layers, list) and bool(layers) and all(one in known for one in layers)
