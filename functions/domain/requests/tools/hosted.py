"""Read the request bodies of Replicate, fal and Astria as settings.

Names are those of the services' documentation: replicate.com/stability-ai/sdxl/train and
ostris/flux-dev-lora-trainer, fal.ai/models/fal-ai/flux-lora-fast-training, docs.astria.ai.
"""

import re
from collections.abc import Iterator
from typing import Any

from contracts.documents.upload.imported import Tool
from domain.requests.tools.translation import Fields, Reading, Setting

ASTRIAS_TRIGGER = "ohwx"
"""Astria's default trigger word, but for SD 1.5, where it is ours. fal has none. Replicate's is a
placeholder here, so prompts that are written with it name the subject under any trigger word."""

_FORM = re.compile(r"tune\[([a-z_]+)\]((?:\[[A-Za-z0-9_]*\])*)")

RENAMED = {
    "prompts_attributes": "prompts",
    "wandb_sample_prompts": "prompts",
    "training_style": "lora_type",
    "number_of_steps": "max_train_steps",
    "default_caption": "instance_prompt",
}
"""Name of a service -> the name under which it is translated."""

UPLOAD = "The photos of the upload are used."
PLACE = "The stack decides where models and notices go."
BASE = "The stack's own base model is used."
MACHINE = "The training image decides this for its machine."
NOTES = {
    **dict.fromkeys(
        (
            *("input_images", "images_data_url", "images", "image_urls", "data_archive_format"),
            *("input_images_filetype", "resume_from_checkpoint", "image_data_url"),
            "training_data_url",
        ),
        UPLOAD,
    ),
    **dict.fromkeys(
        (
            *("destination", "webhook", "webhook_events_filter", "webhook_completed", "callback"),
            *("title", "prompts_callback", "prompt_attributes", "hf_repo_id", "hf_token"),
            *("wandb_api_key", "wandb_project", "wandb_run", "wandb_entity", "webhook_url"),
            *("webhookUrl", "fal_webhook", "logs", "mode", "stream", "sync_mode"),
            *("wandb_sample_interval", "wandb_save_interval"),
        ),
        PLACE,
    ),
    **dict.fromkeys(
        ("version", "model", "owner", "branch", "base_tune_id", "base_tune"),
        BASE,
    ),
    "unet_learning_rate": "It is for full fine-tuning; lora_lr is used.",
    "ti_lr": "No token embeddings are trained.",
    "mask_target_prompts": "Masks show the subject or the face (mask_of).",
    "subject_crop": "Photos are cropped to faces only (face_crop).",
    "multiresolution_training": "Name the sides in resolutions.",
    "is_input_format_already_preprocessed": "Every photo is prepared here.",
    "crop_based_on_salience": "Photos are cropped to faces only (face_crop).",
    "clipseg_temperature": "Masks are made in another way here.",
    "layers_to_optimize_regex": "Name the layers in target_modules.",
    "training_face_correct": "Photos are trained as they are.",
    "characteristics": "Prompts have no placeholders for it; write the words.",
    "auto_extend": "Models do not expire by themselves.",
    "iter_multiplier": "The number of steps is used as it is.",
    "verbose": "The log has one form.",
    "checkpointing_steps": "Checkpoints are always saved.",
    "cache_latents_to_disk": MACHINE,
    "prompts_rest": "It is carried with the first prompt.",
    "prompts_other": "Sample pictures are drawn with the stack's own settings.",
}
"""Known settings without effect here."""


def read_service(given: Fields, tool: Tool) -> Reading:
    """Return the settings in a body of a hosted service."""
    settings = list(_settings(given))
    notes = NOTES
    assumed: Fields = {}
    if tool == "astria":
        asked = {name: value for name, _, value in settings}
        base = asked.get("branch") or asked.get("base_tune_id")
        assumed = {} if base in (None, "sd15") else {"trigger_word": ASTRIAS_TRIGGER}
    return Reading(settings, notes, assumed)


def _settings(given: Fields) -> Iterator[Setting]:
    """Yield each setting; wrappers are opened, and lists of a form are put together."""
    lists: dict[str, list[tuple[str, Any]]] = {}
    for name, value in given.items():
        if name in {"input", "tune"} and isinstance(value, dict):
            yield from ((RENAMED.get(str(n), str(n)), str(n), v) for n, v in value.items())
        elif form := _FORM.fullmatch(name):
            if form[2] in ("", "[]"):
                yield RENAMED.get(form[1], form[1]), name, value
            else:
                lists.setdefault(form[1], []).append((name, value))
        else:
            yield RENAMED.get(name, name), name, value
    yield from _listed(lists)


def _listed(lists: dict[str, list[tuple[str, Any]]]) -> Iterator[Setting]:
    """Yield the settings of a form that are written entry by entry, as ``tune[x][0][text]``."""
    for name, entries in lists.items():
        if name != "prompts_attributes":
            yield from ((name, shown, value) for shown, value in entries)
            continue
        texts = [(shown, value) for shown, value in entries if shown.endswith("[text]")]
        for place, (shown, _) in enumerate(texts):
            yield "prompts_rest" if place else "prompts", shown, [text for _, text in texts]
        others = (entry for entry in entries if entry not in texts)
        yield from (("prompts_other", shown, value) for shown, value in others)
