"""Translate the settings of another tool's document, one by one, and report what became of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, get_args

from contracts.documents.upload.imported import ImportReport, Tool
from contracts.documents.upload.options import Scheduler, TargetModule
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_SAMPLE_PROMPTS, MAX_TRAIN_STEPS, MAX_TRAINED_CHARACTERS
from domain.requests.aliases import ALIASES
from domain.requests.import_state import ImportState, without_effect
from domain.requests.kohya.settings import ADAMW, MAX_GRAD_NORM, NOT_CLIPPED
from domain.requests.kohya.syntax import is_class
from domain.requests.networks import ONLY_THESE, read_network
from domain.requests.presets import PRESETS
from domain.requests.request_json import nearest_name, printable
from domain.requests.tools.optimizers import optimizer_named

Fields: TypeAlias = dict[str, Any]

Setting: TypeAlias = tuple[str, str, Any]
"""Name under which a setting is translated, its name or path in the document, and its value."""

RENAMED = ALIASES | {"training_steps": "max_train_steps", "trigger_phrase": "trigger_word"}

NOT_HERE = "Not supported here."
NOT_SET = "Not set."
UNKNOWN = "Unknown here."
VALUE = "This value is not supported here."
OTHER_LENGTH = f"Prompts that are empty or over {MAX_TRAINED_CHARACTERS} characters are left out."
OWN_SYNTAX = "Arguments such as --n and <lora:...> are left out of the prompts."
_OWN_SYNTAX = re.compile(r"<lora:[^<>]*>|(?:^|\s)--[A-Za-z].*", re.DOTALL)
ONLY_LORA = "Only LoRA adapters are trained."
ARGUMENT = "lycoris."
"""What stands before LyCORIS's name of an argument, as the name under which it is translated."""

PRECISIONS = {
    "bf16": "bf16",
    "bfloat16": "bf16",
    "bfloat_16": "bf16",
    "fp16": "fp16",
    "float16": "fp16",
    "float_16": "fp16",
    "no": "no",
    "fp32": "no",
    "float32": "no",
    "float_32": "no",
    "tfloat_32": "no",
}
"""Name of a precision in some tool -> ours."""

SCHEDULERS = {name: name for name in get_args(Scheduler)} | {
    "cosine_with_hard_restarts": "cosine_with_restarts",
}


class Reading(NamedTuple):
    """What a document says, before it is translated."""

    settings: list[Setting]
    notes: Mapping[str, str] = {}
    """Name of a setting -> why it has no effect here."""
    assumed: Mapping[str, Any] = {}
    """The tool's own values of our fields, for what no source of the upload gives."""
    problems: tuple[RequestProblem, ...] = ()
    assumed_notes: Mapping[str, str] = {}
    """Our field -> the note on an assumed value that needs one."""


class ForeignRequest(NamedTuple):
    """The fields of a document, and the report on its settings."""

    fields: Fields
    theirs: dict[str, str]
    """Our field -> the document's name for it, where the two differ."""
    problems: list[RequestProblem]
    assumed: Fields
    """Fields for what no source of the upload gives."""
    notes: Mapping[str, str]
    """Our field -> the note on its assumed value."""
    report: ImportReport


def translate(tool: Tool, reading: Reading) -> ForeignRequest:
    """Return the request in a document of a tool."""
    state = _Translation(tool, reading.notes, problems=[*reading.problems])
    for name, shown, value in reading.settings:
        state.carry(name, printable(shown), value)
    state.settle()
    report, assumed = state.report_of(tool), state.assumed(reading.assumed)
    notes = dict.fromkeys(reading.assumed, "The tool's default.") | dict(reading.assumed_notes)
    return ForeignRequest(state.fields, state.theirs, state.problems, assumed, notes, report)


@dataclass
class _Translation(ImportState):
    """An import of one document; names of settings are printable."""

    tool: Tool
    notes: Mapping[str, str]
    arguments: dict[str, tuple[str, object]] = field(default_factory=dict)
    """LyCORIS's name of each argument of the network -> its name in the document, and its value."""

    def carry(self, name: str, shown: str, value: object) -> None:
        """Carry one setting, change it, or ignore it; each is reported."""
        special = getattr(self, f"_{name}", None) if name in SPECIAL else None
        ours = RENAMED.get(name, name)
        if value is None or value == "":
            self.report("ignored", shown, None, NOT_SET)
        elif name in self.notes:
            self.report("ignored", shown, None, self.notes[name])
        elif name.startswith(ARGUMENT):
            self.arguments[name.removeprefix(ARGUMENT)] = (shown, value)
        elif special is not None:
            special(shown, value)
        elif ours in TrainingRequest.model_fields:
            self.put("honoured", shown, ours, value)
        else:
            self.report("ignored", shown, None, self.unknown(name))

    def settle(self) -> None:
        """Drop what has no effect: the epochs beside the steps, a warm-up of no scheduler ..."""
        self.carry_arguments()
        self.refuse_whole_matrix()
        if {"max_train_steps", "num_train_epochs"} <= set(self.fields):
            self.take_back("num_train_epochs", "The number of steps is used instead.")
        self.take_back_useless()

    def carry_arguments(self) -> None:
        """Carry the arguments of the network; what they mean depends on its kind."""
        kind = str(self.fields.get("adapter_type", "lora"))
        found = read_network(kind, {name: value for name, (_, value) in self.arguments.items()})
        for name, (shown, _) in self.arguments.items():
            meaning = (found or {})[name]
            if meaning.kind == "refused":
                self.refuse(shown, meaning.note)
            elif meaning.ours is None:
                self.report("ignored", shown, None, meaning.note)
            else:
                self.put("mapped", shown, meaning.ours, meaning.value, meaning.note)

    def assumed(self, of_tool: Mapping[str, Any]) -> Fields:
        """Return values for what no source gives; these tools draw no class images unasked."""
        found: Fields = {"instance_prompt": "a photo of TOK", "class_prompt": "a photo"}
        if "class_prompt" not in self.fields:
            found["with_prior_preservation"] = False
        if {"autocaption_prefix", "autocaption_suffix"} & set(self.fields):
            found["autocaption"] = True
        found |= {name: v for name, v in of_tool.items() if name not in self.fields}
        together = found | self.fields
        for name in without_effect(together):
            found.pop(name, None)
        return found

    def unknown(self, name: str) -> str:
        """Return the note on an unknown setting; most names of diffusers' scripts are ours."""
        near = nearest_name([name]) if self.tool == "diffusers" else None
        return UNKNOWN if near is None else f"{UNKNOWN[:-1]}; did you mean {near}?"

    def flag(self, shown: str, value: object) -> bool | None:
        """Return a flag, which a form writes as text; None, with a problem, for another value."""
        known = {True: True, False: False, "true": True, "false": False}
        text = value.lower() if isinstance(value, str) else value
        if isinstance(text, bool | str) and text in known:
            return known[text]
        self.refuse(shown, "Must be true or false.")
        return None

    def _is_style(self, shown: str, value: object) -> None:
        self._style(shown, self.flag(shown, value))

    def _lora_type(self, shown: str, value: object) -> None:
        if value in ("style", "subject"):
            self._style(shown, value == "style")
        elif value == "standard":
            self.report("honoured", shown, None, "LoRA.")
        elif value == "lycoris":
            self.refuse(shown, ONLY_LORA)
        else:
            self.refuse(shown, "Must be subject or style.")

    def _style(self, shown: str, value: bool | None) -> None:
        if value:
            self.put("mapped", shown, "preset", "style")
        elif value is False:
            self.report("honoured", shown, None, "A subject.")

    def _is_lora(self, shown: str, value: object) -> None:
        asked = self.flag(shown, value)
        if asked:
            self.report("honoured", shown, None, "LoRA.")
        elif asked is False:
            self.refuse(shown, ONLY_LORA)

    def _model_type(self, shown: str, value: object) -> None:
        kind, note = ("honoured", "LoRA.") if value == "lora" else ("mapped", "A LoRA is trained.")
        self.report(kind, shown, None, note)

    def _network_type(self, shown: str, value: object) -> None:
        found = read_network(str(value), {})
        if found is None:
            self.refuse(shown, ONLY_THESE)
        elif (meaning := found["algo"]).ours is not None:
            self.put("mapped", shown, meaning.ours, meaning.value)
        else:
            self.report(
                "mapped" if meaning.note else "honoured", shown, None, meaning.note or "LoRA."
            )

    def _train_unet(self, shown: str, value: object) -> None:
        asked = self.flag(shown, value)
        if asked:
            self.report("honoured", shown, None, "The UNet is always trained.")
        elif asked is False:
            self.refuse(shown, "The UNet is always trained.")

    def _scale_lr(self, shown: str, value: object) -> None:
        if self.flag(shown, value):
            self.refuse(shown, "The rate is not multiplied here. Write the rate that you mean.")
        else:
            self.report("ignored", shown, None, "Switched off.")

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
        found = optimizer_named(str(value))
        if found is None:
            self.report("ignored", shown, None, ADAMW)
        else:
            same = found.field == "optimizer" and found.value == value
            kind = "honoured" if same else "mapped"
            self.put(kind, shown, found.field, found.value, found.note)

    def _lr_scheduler(self, shown: str, value: object) -> None:
        name = SCHEDULERS.get(str(value).lower())
        if name is None:
            self.report("ignored", shown, None, VALUE)
        else:
            self.put("honoured" if name == value else "mapped", shown, "lr_scheduler", name)

    def _mixed_precision(self, shown: str, value: object) -> None:
        name = PRECISIONS.get(str(value).lower())
        if name is None:
            self.report("ignored", shown, None, VALUE)
        else:
            self.put("honoured" if name == value else "mapped", shown, "mixed_precision", name)

    def _max_grad_norm(self, shown: str, value: object) -> None:
        if value == 0 and type(value) in (int, float) and self.tool != "diffusers":
            self.put("mapped", shown, "max_grad_norm", MAX_GRAD_NORM, NOT_CLIPPED)
        else:
            self.put("honoured", shown, "max_grad_norm", value)

    def _validation_steps(self, shown: str, value: object) -> None:
        if type(value) is int and not 1 <= value <= MAX_TRAIN_STEPS:
            self.report("ignored", shown, None, "No training comes to this step.")
        else:
            self.put("honoured", shown, "validation_steps", value)

    def _checkpointing_steps(self, shown: str, value: object) -> None:
        if type(value) is int and not 1 <= value <= MAX_TRAIN_STEPS:
            self.report("ignored", shown, None, "No training comes to this step.")
        else:
            self.put("honoured", shown, "checkpointing_steps", value)

    def _seed(self, shown: str, value: object) -> None:
        if isinstance(value, int) and value < 0:
            self.report("ignored", shown, None, "A random seed; here the seed is always fixed.")
        else:
            self.put("honoured", shown, "seed", value)

    def _resolution(self, shown: str, value: object) -> None:
        parts = value if isinstance(value, list) else str(value).split(",")
        sides = [_side(part) for part in parts]
        if (len(sides) < 2 and "x" not in str(value)) or None in sides or not sides:  # noqa: PLR2004
            self.put("honoured", shown, "resolution", value)
            return
        each = sorted({side for side in sides if side is not None}, reverse=True)
        note = f"Every photo is trained at each side: {', '.join(map(str, each))}."
        self.put("mapped", shown, "resolution", each[0], note if len(each) > 1 else "")
        if len(each) > 1:
            self.fields["resolutions"] = each
            self.theirs["resolutions"] = shown

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

    def _prompts(self, shown: str, value: object) -> None:
        texts = prompts_in(value)
        if not all(isinstance(text, str) for text in texts):
            self.report("ignored", shown, None, NOT_HERE)
            return
        lines = [plain_prompt(text) for text in texts]
        fit = [line for line in lines if 0 < len(line) <= MAX_TRAINED_CHARACTERS]
        notes = [
            f"The first {MAX_SAMPLE_PROMPTS} prompts count."
            if len(fit) > MAX_SAMPLE_PROMPTS
            else "",
            OTHER_LENGTH if len(fit) < len(lines) else "",
            OWN_SYNTAX if lines != [" ".join(text.split()) for text in texts] else "",
        ]
        note = " ".join(filter(None, notes))
        if fit:
            self.put("mapped", shown, "sample_prompts", fit[:MAX_SAMPLE_PROMPTS], note)
        else:
            self.report("ignored", shown, None, note or NOT_HERE)

    def _lora_layers(self, shown: str, value: object) -> None:
        layers = [layer.strip() for layer in str(value).split(",")]
        if set(layers) <= set(get_args(TargetModule)):
            self.put("mapped", shown, "target_modules", list(dict.fromkeys(layers)))
        else:
            known = ", ".join(get_args(TargetModule))
            self.refuse(shown, f"Layers that can be adapted here: {known}.")


def plain_prompt(text: str) -> str:
    """Return a sample prompt on one line, without what only its tool reads.

    >>> plain_prompt("<lora:12:1> ohwx man  in space --n bad --w 1024")
    'ohwx man in space'
    """
    return " ".join(_OWN_SYNTAX.sub(" ", text).split())


def prompts_in(value: object) -> list[Any]:
    r"""Return the prompts in a list of texts or of tables, or in the lines of a text.

    >>> prompts_in("one\n\ntwo"), prompts_in([{"text": "one"}, {"prompt": "two"}])
    (['one', 'two'], ['one', 'two'])
    """
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    listed = value if isinstance(value, list) else []
    items = [one for one in listed if not isinstance(one, dict) or one.get("enabled") is not False]
    return [one.get("text", one.get("prompt")) if isinstance(one, dict) else one for one in items]


def _side(part: object) -> int | None:
    """Return a side in pixels, also of a square written as ``1024x1024``; None: no side."""
    sides = {side.strip() for side in str(part).lower().split("x")}
    text = sides.pop()
    fits = not sides and text.isdecimal() and text.isascii() and len(text) <= 4  # noqa: PLR2004
    return int(text) if fits else None


SPECIAL = frozenset(
    {
        *("max_grad_norm", "validation_steps", "checkpointing_steps"),
        *("is_style", "lora_type", "is_lora", "model_type", "use_face_detection_instead"),
        *("face_crop", "preset", "optimizer", "resolution", "caption_prefix", "name", "prompts"),
        *("network_type", "train_unet", "scale_lr", "lr_scheduler", "mixed_precision", "seed"),
        *("lora_layers",),
    }
)
"""Settings that are translated, each by the method of its name."""
