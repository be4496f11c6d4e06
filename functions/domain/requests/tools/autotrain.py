"""Read AutoTrain's configuration of a DreamBooth training as settings.

The forms are those of github.com/huggingface/autotrain-advanced: the YAML of configs/dreambooth,
with parts, and the flat training_params.json that a training leaves
(trainers/dreambooth/params.py).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.documents.upload.problems import RequestProblem
from domain.requests.request_json import printable
from domain.requests.tools.hosted import BASE, MACHINE, PLACE, UPLOAD
from domain.requests.tools.translation import ONLY_LORA, Fields, Reading, Setting

NAMES = {
    "prompt": "instance_prompt",
    "validation_prompt": "prompts",
    "scheduler": "lr_scheduler",
    "warmup_steps": "lr_warmup_steps",
    "num_cycles": "lr_num_cycles",
    "disable_gradient_checkpointing": "gradient_checkpointing",
}
"""AutoTrain's name -> the name under which it is translated."""

PARTS = ("data", "params", "hub")
"""Tables that are opened."""

PICTURES = "Photos are always cropped and encoded in the same way."
SAMPLES = "Sample pictures are drawn with the stack's own settings."
SAVED = "Checkpoints and adapters are always saved."

NOTES = {
    **dict.fromkeys(
        ("image_path", "class_image_path", "path", "train_split", "valid_split"), UPLOAD
    ),
    **dict.fromkeys(
        (
            *("project_name", "log", "logging", "backend", "username", "token", "repo_id"),
            *("push_to_hub", "hub"),
        ),
        PLACE,
    ),
    **dict.fromkeys(
        (
            *("base_model", "model", "vae_model", "revision", "tokenizer", "xl"),
            *("tokenizer_max_length", "text_encoder_use_attention_mask"),
        ),
        BASE,
    ),
    **dict.fromkeys(
        (
            *("dataloader_num_workers", "allow_tf32", "prior_generation_precision", "local_rank"),
            *("xformers", "pre_compute_text_embeddings", "sample_batch_size"),
        ),
        MACHINE,
    ),
    **dict.fromkeys(
        ("num_validation_images", "validation_epochs", "validation_images"),
        SAMPLES,
    ),
    **dict.fromkeys(("checkpoints_total_limit", "resume_from_checkpoint"), SAVED),
    "center_crop": PICTURES,
    "class_labels_conditioning": SAMPLES,
    "adam_epsilon": "The optimizer's other settings are fixed.",
    "task": "An adapter is trained.",
}
"""Known settings without effect here."""

RANK = 4
"""AutoTrain's rank; its alpha is the rank."""


def is_autotrain(given: Mapping[str, Any]) -> bool:
    """Return whether a document has the parts of AutoTrain's configuration.

    >>> is_autotrain({"task": "dreambooth", "params": {"lr": 1e-4}}), is_autotrain({"params": {}})
    (True, False)
    """
    return isinstance(given.get("task"), str) and isinstance(given.get("params"), dict)


def read_autotrain(given: Mapping[str, Any]) -> Reading:
    """Return the settings of a configuration, in either form."""
    settings = [_named(*one) for one in _opened(given)]
    problems = []
    if given.get("task", "dreambooth") != "dreambooth":
        problems.append(RequestProblem(field="task", message=f"Must be dreambooth. {ONLY_LORA}"))
    ranks = [value for name, _, value in settings if name == "rank" and value is not None]
    assumed: Fields = {
        "rank": RANK,
        "lora_alpha": next(iter(ranks), RANK),
        "lr_scheduler": "constant",
        "train_text_encoder": False,
        "with_prior_preservation": False,
    }
    return Reading(settings, NOTES, assumed, tuple(problems))


def _opened(given: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield the name, the path and the value of each setting."""
    for name, value in given.items():
        if name in PARTS and isinstance(value, dict):
            yield from ((str(key), f"{name}.{key}", one) for key, one in value.items())
        else:
            yield name, name, value


def _named(name: str, path: str, value: object) -> Setting:
    """Return a setting under the name by which it is translated or noted."""
    if name == "disable_gradient_checkpointing" and isinstance(value, bool):
        value = not value
    elif name in ("fp16", "bf16") and value is True:  # of its command line
        return "mixed_precision", printable(path), name
    return NAMES.get(name, name), printable(path), value
