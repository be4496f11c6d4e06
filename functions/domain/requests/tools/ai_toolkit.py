"""Read ostris' ai-toolkit's job file, JSON or YAML, as settings under the names of translation.py.

A job file is ``{"job": "extension", "config": {"process": [{...}]}}``; its process has sections, as
the files of github.com/ostris/ai-toolkit, config/examples, show.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.documents.upload.problems import RequestProblem
from contracts.shared.words.prompts import DEFAULT_TRIGGER_WORD, names_subject
from domain.requests.networks import LAYERS, NO_CONVOLUTIONS, OWN_FACTOR, assumed_factor
from domain.requests.request_json import printable
from domain.requests.tools.hosted import MACHINE, PLACE, UPLOAD
from domain.requests.tools.translation import ONLY_LORA, Reading, Setting

NAMES = {
    "trigger_word": "trigger_word",
    "network.type": "network_type",
    "network.linear": "rank",
    "network.rank": "rank",
    "network.linear_alpha": "lora_alpha",
    "network.alpha": "lora_alpha",
    "network.dropout": "lora_dropout",
    "network.lokr_factor": "lycoris.factor",
    "network.lokr_full_rank": "lycoris.full_matrix",
    "datasets.caption_dropout_rate": "caption_dropout_rate",
    "datasets.num_repeats": "repeats",
    "datasets.is_reg": "with_prior_preservation",
    "datasets.resolution": "resolution",
    "datasets.mask_min_value": "mask_floor",
    "train.batch_size": "train_batch_size",
    "train.steps": "max_train_steps",
    "train.gradient_accumulation": "gradient_accumulation_steps",
    "train.gradient_accumulation_steps": "gradient_accumulation_steps",
    "train.gradient_checkpointing": "gradient_checkpointing",
    "train.train_unet": "train_unet",
    "train.train_text_encoder": "train_text_encoder",
    "train.lr": "learning_rate",
    "train.unet_lr": "learning_rate",
    "train.text_encoder_lr": "text_encoder_lr",
    "train.lr_scheduler": "lr_scheduler",
    "train.optimizer": "optimizer",
    "train.optimizer_params.weight_decay": "adam_weight_decay",
    "train.max_grad_norm": "max_grad_norm",
    "train.noise_offset": "noise_offset",
    "train.min_snr_gamma": "snr_gamma",
    "train.snr_gamma": "snr_gamma",
    "train.dtype": "mixed_precision",
    "train.seed": "seed",
    "train.ema_config.use_ema": "use_ema",
    "train.ema_config.ema_decay": "ema_decay",
    "sample.sample_every": "validation_steps",
    "sample.prompts": "prompts",
    "sample.samples": "prompts",
}
"""Path of a setting in a process -> the name under which it is translated."""

DEFAULT_CAPTION = "datasets.default_caption"
PICTURES = "Sample pictures are drawn with the stack's own settings."
NOTES = {
    "datasets.folder_path": UPLOAD,
    "datasets.mask_path": UPLOAD,
    "datasets.caption_ext": "Captions are the text files beside the photos.",
    DEFAULT_CAPTION: "Photos without a caption have the instance prompt.",
    "datasets.shuffle_tokens": "Captions are used unchanged.",
    "datasets.cache_latents": MACHINE,
    "datasets.cache_latents_to_disk": MACHINE,
    "network.conv": NO_CONVOLUTIONS,
    "network.conv_alpha": NO_CONVOLUTIONS,
    "network.network_kwargs": LAYERS,
    "network.transformer_only": LAYERS,
    "train.noise_scheduler": "The base model's card decides this.",
    "model": "The stack's own base model is used.",
    "save": PLACE,
    "logging": PLACE,
    "device": PLACE,
    "training_folder": PLACE,
    "sqlite_db_path": PLACE,
    "performance_log_every": PLACE,
    "sample": PICTURES,
    "train.skip_first_sample": PICTURES,
    "train.disable_sampling": PICTURES,
}
"""Path, or section, of a setting without effect here -> the reason."""

APART = (
    "Has several folders, or settings that differ. Keep one folder; resolution may be a list, and "
    "class images are a dataset with is_reg."
)

TRAINERS = frozenset({"sd_trainer", "ui_trainer", "diffusion_trainer"})
"""Types of a process that trains an adapter."""

ALPHA = 1.0
"""ai-toolkit's alpha where the file has none."""


def read_job(given: Mapping[str, Any]) -> Reading:
    """Return the settings of a job file."""
    processes = given["config"]["process"]
    first = processes[0] if processes and isinstance(processes[0], dict) else {}
    process = {str(name): value for name, value in first.items()}
    settings = [] if _is_other(process) else [_named(*pair) for pair in _paths(process)]
    names = {name for name, _, _ in settings}
    settings = [_caption(setting, process) for setting in settings]
    alpha = {} if "lora_alpha" in names or "rank" not in names else {"lora_alpha": ALPHA}
    network = process.get("network")
    kind = network.get("type") if isinstance(network, dict) else None
    assumed = {**alpha, **assumed_factor(kind)}
    return Reading(
        settings,
        {"": "", **NOTES},
        assumed,
        tuple(_problems(process, len(processes))),
        {"decompose_factor": OWN_FACTOR},
    )


def _caption(setting: Setting, process: Mapping[str, Any]) -> Setting:
    """Return the caption of photos without one as the instance prompt, if it names the subject."""
    name, path, value = setting
    trigger = process.get("trigger_word")
    names = isinstance(value, str) and names_subject(
        value, trigger if isinstance(trigger, str) and trigger else DEFAULT_TRIGGER_WORD
    )
    return ("instance_prompt", path, value) if name == DEFAULT_CAPTION and names else setting


def _is_other(process: Mapping[str, Any]) -> bool:
    return str(process.get("type", "sd_trainer")) not in TRAINERS


def _problems(process: Mapping[str, Any], processes: int) -> Iterator[RequestProblem]:
    """Yield what makes a job file one that cannot be trained here."""
    if processes > 1:
        message = "Has several entries. Keep one; an adapter is of one subject."
        yield RequestProblem(field="config.process", message=message)
    if not process:
        message = "Has no settings: the process of a training job is missing."
        yield RequestProblem(field="config.process", message=message)
    if _is_other(process):
        message = f"Only jobs that train an adapter are read: {', '.join(sorted(TRAINERS))}."
        yield RequestProblem(field="config.process.type", message=message)
    elif process and not isinstance(process.get("network"), dict):
        message = f"Is missing, so the job trains a whole model. {ONLY_LORA}"
        yield RequestProblem(field="network", message=message)
    if len(_photos(process.get("datasets"))) > 1:
        yield RequestProblem(field="datasets", message=APART)


def _photos(datasets: object) -> list[Any]:
    """Return the datasets of photos of the subject: one for each folder and set of its settings."""
    listed = datasets if isinstance(datasets, list) else []
    found: list[Any] = []
    for one in listed:
        if _is_of_class(one):
            continue
        same = [other for other in found if _at_another_side(one, other)]
        if same:
            same[0]["resolution"] = [*_sides(same[0]), *_sides(one)]
        else:
            found.append(dict(one) if isinstance(one, dict) else one)
    return found


def _is_of_class(dataset: object) -> bool:
    return isinstance(dataset, dict) and dataset.get("is_reg") is True


def _at_another_side(one: object, other: object) -> bool:
    """Return whether two datasets are of one folder and differ in their resolution alone."""
    if not isinstance(one, dict) or not isinstance(other, dict) or "folder_path" not in one:
        return False
    return one | {"resolution": None} == other | {"resolution": None}


def _sides(dataset: Mapping[str, Any]) -> list[Any]:
    sides = dataset.get("resolution")
    return sides if isinstance(sides, list) else [sides]


def _paths(process: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each setting; sections are opened, datasets are joined."""
    for name, value in process.items():
        inner = value
        if name == "datasets" and isinstance(value, list):
            if any(map(_is_of_class, value)):
                yield "datasets.is_reg", True
            inner = next(iter(_photos(value)), {})
        if isinstance(inner, dict) and name != "type":
            yield from _inner(name, inner)
        elif name != "type":
            yield name, value


def _inner(section: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        path = f"{section}.{name}"
        if isinstance(value, dict) and path in {"train.ema_config", "train.optimizer_params"}:
            yield from ((f"{path}.{key}", each) for key, each in value.items())
        else:
            yield path, value


def _named(path: str, value: object) -> Setting:
    """Return a setting under the name by which it is translated or noted."""
    if path == "train.lr_scheduler" and isinstance(value, str):
        value = value.lower()
    if path == "network.type" and str(value).lower() == "dora":
        return "use_dora", path, True
    section = path.split(".", 1)[0]
    if path in NAMES:
        return NAMES[path], path, _as_ours(path, value)
    return path if path in NOTES or section not in NOTES else section, printable(path), value


def _as_ours(path: str, value: object) -> object:
    """Return a value as it is translated: a list of one side is a side."""
    is_single = path == "datasets.resolution" and isinstance(value, list) and len(value) == 1
    return value[0] if is_single and isinstance(value, list) else value
