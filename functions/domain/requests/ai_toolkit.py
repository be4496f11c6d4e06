"""Read ostris' ai-toolkit's job file, as JSON, as settings under names that hosted.py knows.

A job file is ``{"job": "extension", "config": {"process": [{...}]}}``; its process has sections, as
the files of github.com/ostris/ai-toolkit, config/examples, show. YAML is not read.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

Setting: TypeAlias = tuple[str, str, Any]
"""Name that hosted.py knows, the setting's path in the file, and its value."""

NAMES = {
    "trigger_word": "trigger_word",
    "network.type": "network_type",
    "network.linear": "rank",
    "network.rank": "rank",
    "network.linear_alpha": "lora_alpha",
    "network.alpha": "lora_alpha",
    "network.dropout": "lora_dropout",
    "datasets.caption_dropout_rate": "caption_dropout_rate",
    "datasets.num_repeats": "repeats",
    "datasets.resolution": "resolution",
    "train.batch_size": "train_batch_size",
    "train.steps": "max_train_steps",
    "train.gradient_accumulation": "gradient_accumulation_steps",
    "train.gradient_accumulation_steps": "gradient_accumulation_steps",
    "train.gradient_checkpointing": "gradient_checkpointing",
    "train.train_text_encoder": "train_text_encoder",
    "train.lr": "learning_rate",
    "train.text_encoder_lr": "text_encoder_lr",
    "train.lr_scheduler": "lr_scheduler",
    "train.optimizer": "optimizer",
    "train.max_grad_norm": "max_grad_norm",
    "train.noise_offset": "noise_offset",
    "train.min_snr_gamma": "snr_gamma",
    "train.seed": "seed",
    "sample.sample_every": "validation_steps",
    "sample.prompts": "sample_prompts",
}
"""Path of a setting in a process -> the name that hosted.py carries."""

IGNORED = {
    "datasets.folder_path": "images",
    "model.name_or_path": "base_tune",
    "save": "destination",
    "device": "destination",
    "training_folder": "destination",
    "datasets.cache_latents_to_disk": "cache_latents_to_disk",
}
"""Path, or section, of a setting without effect here -> a name whose note in hosted.py fits."""

SECTIONS = ("network", "save", "train", "model", "sample")


def process_of(given: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first process of a job file; None if the document is none."""
    config = given.get("config")
    processes = config.get("process") if isinstance(config, dict) else None
    if not isinstance(processes, list) or not processes or not isinstance(processes[0], dict):
        return None
    return {str(name): value for name, value in processes[0].items()}


def more_than_one(given: dict[str, Any]) -> str | None:
    """Return which list of a job file has several entries, of which one can be trained here."""
    process = process_of(given)
    if process is None:
        return None
    if len(given["config"]["process"]) > 1:
        return "config.process"
    datasets = process.get("datasets")
    return "datasets" if isinstance(datasets, list) and len(datasets) > 1 else None


def job_settings(process: dict[str, Any]) -> Iterator[Setting]:
    """Yield each setting of a process."""
    for path, value in _paths(process):
        section = path.split(".", 1)[0]
        name = NAMES.get(path) or IGNORED.get(path) or IGNORED.get(section) or path
        yield name, path, _as_ours(path, value)


def _paths(process: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in process.items():
        inner = value[0] if name == "datasets" and isinstance(value, list) and value else value
        if isinstance(inner, dict) and (name in SECTIONS or name == "datasets"):
            yield from ((f"{name}.{key}", each) for key, each in inner.items())
        elif name != "type":
            yield name, value


def _as_ours(path: str, value: object) -> object:
    """Return a value as hosted.py reads it: several sides as one text."""
    if path == "datasets.resolution" and isinstance(value, list):
        return ",".join(map(str, value)) if len(value) > 1 else (value or [None])[0]
    return value
