"""Read the request bodies of Replicate, fal and Astria, and ai-toolkit's jobs, as a request.

Names are those of the services' documentation: replicate.com/stability-ai/sdxl/train and
ostris/flux-dev-lora-trainer, fal.ai/models/fal-ai/flux-lora-fast-training, docs.astria.ai.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from contracts.documents.upload.imported import ImportedSetting, ImportReport
from contracts.documents.upload.options import Optimizer
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from domain.requests.ai_toolkit import job_settings, more_than_one, process_of
from domain.requests.aliases import ALIASES
from domain.requests.kohya_settings import ADAMW
from domain.requests.kohya_syntax import is_class
from domain.requests.presets import PRESETS
from domain.requests.request_json import printable

Tool = Literal["replicate", "fal", "astria", "ai-toolkit"]
Fields = dict[str, Any]

MARKS: dict[Tool, frozenset[str]] = {
    "replicate": frozenset(
        {
            *("input_images", "destination", "is_lora", "lora_type", "ti_lr", "caption_prefix"),
            *("use_face_detection_instead", "mask_target_prompts", "hf_repo_id"),
        }
    ),
    "fal": frozenset(
        {
            *("images_data_url", "is_style", "is_input_format_already_preprocessed"),
            *("data_archive_format", "subject_crop", "multiresolution_training"),
        }
    ),
    "astria": frozenset(
        {"tune", "title", "base_tune_id", "image_urls", "prompts_attributes", "model_type"}
    ),
}
"""Names that only one of the services has."""

RENAMED = ALIASES | {"training_steps": "max_train_steps", "trigger_phrase": "trigger_word"}

ASTRIAS_TRIGGER = "ohwx"
"""Astria's default trigger word, but for SD 1.5, where it is ours. fal has none. Replicate's is a
placeholder here, so prompts that are written with it name the subject under any trigger word."""

MAX_SAMPLES = 8
_FORM = re.compile(r"tune\[([a-z_]+)\](?:\[\])?")

UPLOAD = "The photos of the upload are used."
PLACE = "The stack decides where models and notices go."
BASE = "The stack's own base model is used."
NOT_HERE = "Not supported here."
NOTES = {
    **dict.fromkeys(
        ("input_images", "images_data_url", "images", "image_urls", "data_archive_format"), UPLOAD
    ),
    **dict.fromkeys(
        (
            *("destination", "webhook", "webhook_events_filter", "callback", "title"),
            *("hf_repo_id", "hf_token", "wandb_api_key", "wandb_project", "wandb_run"),
        ),
        PLACE,
    ),
    **dict.fromkeys(("version", "branch", "base_tune_id", "base_tune"), BASE),
    "unet_learning_rate": "It is for full fine-tuning; lora_lr is used.",
    "ti_lr": "No token embeddings are trained.",
    "mask_target_prompts": "Masks show the subject or the face (mask_of).",
    "subject_crop": "Photos are cropped to faces only (face_crop).",
    "multiresolution_training": "Name the sides in resolutions.",
    "is_input_format_already_preprocessed": "Every photo is prepared here.",
    "cache_latents_to_disk": "The training image decides this for its machine.",
}
"""Known settings without effect here."""


class HostedRequest(NamedTuple):
    """The fields of a body, and the report on its settings."""

    fields: Fields
    theirs: dict[str, str]
    """Our field -> the body's name for it, where the two differ."""
    problems: list[RequestProblem]
    assumed: Fields
    """Fields for what no source of the upload gives."""
    report: ImportReport


def read_hosted(given: Fields) -> HostedRequest | None:
    """Return the request in a service's body; None if it is not one."""
    pairs = list(_settings(given))
    names = {name for name, _, _ in pairs} | set(given)
    tools = [tool for tool, marks in MARKS.items() if marks & names]
    process = process_of(given)
    if process is not None:
        pairs, tools = list(job_settings(process)), ["ai-toolkit"]
    if not tools and not any(_FORM.fullmatch(name) for name in given):
        return None
    work = _Work(tools[0] if tools else "astria")
    if len(tools) > 1:
        message = f"Looks like a request of {' and of '.join(tools)}. Keep the settings of one."
        work.problems.append(RequestProblem(field="", message=message))
    if (several := more_than_one(given)) is not None:
        work.refuse(several, "Has several entries. Keep one; an adapter is of one subject.")
    asked = {name: value for name, _, value in pairs}
    based = asked.get("branch") or asked.get("base_tune_id")
    work.is_sd15 = work.tool == "astria" and based in (None, "sd15")
    for name, shown, value in pairs:
        work.carry(name, shown, value)
    work.settle()
    report = ImportReport(tool=work.tool, **{kind: tuple(v) for kind, v in work.lists.items()})
    return HostedRequest(work.fields, work.theirs, work.problems, work.assumed(), report)


def _settings(given: Fields) -> Iterator[tuple[str, str, Any]]:
    """Yield each setting's name, its name as it is written, and its value; wrappers are opened."""
    for name, value in given.items():
        if name in {"input", "tune"} and isinstance(value, dict):
            yield from ((inner, inner, of_inner) for inner, of_inner in value.items())
        elif form := _FORM.fullmatch(name):
            yield form[1], name, value
        else:
            yield name, name, value


@dataclass
class _Work:
    """The state of reading a body: fields so far, problems, report."""

    tool: Tool
    is_sd15: bool = False
    """Whether Astria is asked to train SD 1.5, which is its default."""
    fields: Fields = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)
    problems: list[RequestProblem] = field(default_factory=list)
    lists: dict[str, list[ImportedSetting]] = field(
        default_factory=lambda: {"honoured": [], "mapped": [], "ignored": []}
    )

    def carry(self, name: str, shown: str, value: object) -> None:
        """Carry one setting, change it, or ignore it; each is reported."""
        special = getattr(self, f"_{name}", None) if name in SPECIAL else None
        ours = RENAMED.get(name, name)
        if value is None or value == "":
            self.report("ignored", shown, None, "Not set.")
        elif name in NOTES:
            self.report("ignored", shown, None, NOTES[name])
        elif special is not None:
            special(shown, value)
        elif ours in TrainingRequest.model_fields:
            self.put("honoured", shown, ours, value)
        else:
            self.report("ignored", printable(shown), None, "Unknown here.")

    def settle(self) -> None:
        """Drop the epochs where the steps count, as Replicate does."""
        if {"max_train_steps", "num_train_epochs"} <= set(self.fields):
            del self.fields["num_train_epochs"]
            theirs = self.theirs.pop("num_train_epochs", "num_train_epochs")
            self.lists["honoured"] = [s for s in self.lists["honoured"] if s.name != theirs]
            self.report("ignored", theirs, None, "The number of steps is used instead.")

    def assumed(self) -> Fields:
        """Return values for what no source gives; these services draw no class images."""
        found: Fields = {"instance_prompt": "a photo of TOK", "class_prompt": "a photo"}
        if "class_prompt" not in self.fields:
            found["with_prior_preservation"] = False
        if {"autocaption_prefix", "autocaption_suffix"} & set(self.fields):
            found["autocaption"] = True
        if self.tool == "astria" and not self.is_sd15:
            found["trigger_word"] = ASTRIAS_TRIGGER
        return found

    def put(self, kind: str, shown: str, ours: str, value: object, note: str = "") -> None:
        """Set a field of the request; two settings for one field must agree."""
        if ours in self.fields and self.fields[ours] != value:
            self.refuse(shown, f"{self.theirs.get(ours, ours)} has another value.")
        self.fields[ours] = value
        self.theirs[ours] = printable(shown)
        self.report(kind, shown, ours, note)

    def report(self, kind: str, shown: str, ours: str | None, note: str = "") -> None:
        """List a setting in the report."""
        self.lists[kind].append(ImportedSetting(name=printable(shown), ours=ours, note=note))

    def refuse(self, shown: str, message: str) -> None:
        """Add a problem."""
        self.problems.append(RequestProblem(field=printable(shown), message=message))

    def flag(self, shown: str, value: object) -> bool | None:
        """Return a flag, which a form writes as text; None, with a problem, for another value."""
        known = {True: True, False: False, "true": True, "false": False}
        if isinstance(value, bool | str) and value in known:
            return known[value]
        self.refuse(shown, "Must be true or false.")
        return None

    def _is_style(self, shown: str, value: object) -> None:
        self._style(shown, self.flag(shown, value))

    def _lora_type(self, shown: str, value: object) -> None:
        if value in ("style", "subject"):
            self._style(shown, value == "style")
        else:
            self.refuse(shown, "Must be subject or style.")

    def _style(self, shown: str, value: bool | None) -> None:
        if value:
            self.put("mapped", shown, "preset", "style")
        elif value is False:
            self.report("honoured", shown, None, "A subject.")

    def _is_lora(self, shown: str, value: object) -> None:
        if self.flag(shown, value):
            self.report("honoured", shown, None, "LoRA.")
        elif value in (False, "false"):
            self.refuse(shown, "Only LoRA adapters are trained.")

    def _model_type(self, shown: str, value: object) -> None:
        kind, note = ("honoured", "LoRA.") if value == "lora" else ("mapped", "A LoRA is trained.")
        self.report(kind, shown, None, note)

    def _network_type(self, shown: str, value: object) -> None:
        if value == "lora":
            self.report("honoured", shown, None, "LoRA.")
        else:
            self.refuse(shown, "Only LoRA adapters are trained.")

    def _use_face_detection_instead(self, shown: str, value: object) -> None:
        asked = self.flag(shown, value)
        if asked:
            self.put("mapped", shown, "mask_of", "face")
            self.fields.setdefault("use_masks", True)
        elif asked is False:
            self.report("ignored", shown, None, "Switched off.")

    def _face_crop(self, shown: str, value: object) -> None:
        if value in ("none", "crop", "align"):
            self.put("honoured", shown, "face_crop", value)
        elif (asked := self.flag(shown, value)) is not None:
            self.put("mapped", shown, "face_crop", "crop" if asked else "none")

    def _preset(self, shown: str, value: object) -> None:
        if isinstance(value, str) and value in PRESETS:
            self.put("honoured", shown, "preset", value)
        else:
            self.report("ignored", shown, None, "The service's own preset.")

    def _optimizer(self, shown: str, value: object) -> None:
        name = str(value).lower()
        if name == "adamw8bit":
            self.put("mapped", shown, "use_8bit_adam", value=True)
        elif name in get_args(Optimizer):
            self.put("honoured" if name == value else "mapped", shown, "optimizer", name)
        else:
            self.report("ignored", shown, None, ADAMW)

    def _resolution(self, shown: str, value: object) -> None:
        sides = [part.strip() for part in str(value).split(",")]
        if len(sides) < 2 or not all(side.isdecimal() and len(side) <= 4 for side in sides):  # noqa: PLR2004
            self.put("honoured", shown, "resolution", value)
            return
        each = sorted({int(side) for side in sides}, reverse=True)
        note = f"Every photo is trained at each side: {', '.join(map(str, each))}."
        self.put("mapped", shown, "resolution", each[0], note)
        if len(each) > 1:
            self.fields["resolutions"] = each
            self.theirs["resolutions"] = printable(shown)

    def _caption_prefix(self, shown: str, value: object) -> None:
        prompt = value.strip(" ,") if isinstance(value, str) else value
        self.put("mapped", shown, "instance_prompt", prompt)

    def _name(self, shown: str, value: object) -> None:
        if value == "style":
            self.put("mapped", shown, "preset", "style")
        elif isinstance(value, str) and is_class(value):
            self.put("mapped", shown, "class_prompt", f"a photo of a {value}")
            self.fields.setdefault("instance_prompt", f"a photo of TOK {value}")
        else:
            self.refuse(shown, "Must name the class: man, woman, cat ...")

    def _prompts_attributes(self, shown: str, value: object) -> None:
        items = value if isinstance(value, list) else []
        texts = [item.get("text") for item in items if isinstance(item, dict)]
        note = f"The first {MAX_SAMPLES} texts count." if len(texts) > MAX_SAMPLES else ""
        if texts and all(isinstance(text, str) for text in texts):
            self.put("mapped", shown, "sample_prompts", texts[:MAX_SAMPLES], note)
        else:
            self.report("ignored", shown, None, NOT_HERE)


SPECIAL = frozenset(
    {
        *("is_style", "lora_type", "is_lora", "model_type", "use_face_detection_instead"),
        *("face_crop", "preset", "optimizer", "resolution", "caption_prefix", "name"),
        *("prompts_attributes", "network_type"),
    }
)
"""Settings that are translated, each by the method of its name."""
