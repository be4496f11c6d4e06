"""Import ``config.json`` of the personalised-avatar guidance as fields of a TrainingRequest.

The guidance's defaults are used where ours differ in kind (rank, alpha, steps, what is trained). An
adapter's scale is alpha / rank, so it must not be guessed. Learning rates are the base's defaults.
"""

from typing import Any, NamedTuple

from contracts.documents.upload.imported import ImportedSetting, ImportReport
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from domain.requests.aliases import ALIASES
from domain.requests.request_json import RequestRefusedError, printable

RENAMED = {
    "n_steps": "max_train_steps",
    "concept_prompt": "instance_prompt",
    "gradient_accumulation": "gradient_accumulation_steps",
    "lora_r": "rank",
    "lora_text_encoder_r": "text_encoder_rank",
    "lora_text_encoder_alpha": "text_encoder_alpha",
}
DEFAULTS: dict[str, Any] = {
    "n_steps": 1000,
    "concept_prompt": "photo of <<TOK>>",
    "class_prompt": "a photo of person",
    "train_text_encoder": True,
    "lora_r": 128,
    "lora_alpha": 1,
    "lora_dropout": 0.05,
    "lora_text_encoder_r": 64,
    "lora_text_encoder_alpha": 1,
}
WITHOUT_EFFECT = {
    "base_model": "The stack's own base model is used.",
    "class_data_dir": "Class pictures come from the folder class/, or are made.",
    "instance_data_dir": "The photos lie beside this file.",
    "output_dir": "The stack chooses where the model lies.",
    "lora_text_encoder_dropout": "lora_dropout counts for all adapters.",
}
OF_TEXT_ENCODER = {"lora_text_encoder_r", "lora_text_encoder_alpha"}
BIASES = {"lora_bias", "lora_text_encoder_bias"}


class AvatarImport(NamedTuple):
    """The fields of the file, and the report on its settings."""

    fields: dict[str, Any]
    theirs: dict[str, str]
    """Our field -> the file's name for it, where the two differ."""
    report: ImportReport


OWN = {
    *(RENAMED | WITHOUT_EFFECT),
    *(BIASES | OF_TEXT_ENCODER),
    "fp16",
}
"""Names of the guidance that are none of ours."""


def is_avatar(content: dict[str, Any]) -> bool:
    """Return whether a config.json may be the guidance's, since no other tool wrote it.

    It has a name of the guidance, or none that the guidance does not know.

    >>> is_avatar({}), is_avatar({"rank": 4}), is_avatar({"lora_rank": 4, "epoch": 3})
    (True, True, False)
    """
    known = OWN | TrainingRequest.model_fields.keys()
    marks = OWN - WITHOUT_EFFECT.keys()
    return bool(marks & content.keys()) or content.keys() <= known


def import_avatar(content: dict[str, Any]) -> AvatarImport:
    """Return the request fields of the file's content, and a report on each setting.

    Raises:
        RequestRefusedError: the file asks for an unsupported training.
    """
    given = dict(content)
    refuse_biases(given)
    refuse_others(given)
    lists: dict[str, list[ImportedSetting]] = {
        kind: [] for kind in ("honoured", "mapped", "ignored", "assumed")
    }
    trains_text = given.get("train_text_encoder", DEFAULTS["train_text_encoder"])
    known = {RENAMED.get(name, name) for name in given}
    defaults = {name: v for name, v in DEFAULTS.items() if RENAMED.get(name, name) not in known}
    if "num_train_epochs" in known:
        defaults.pop("n_steps", None)
    fields: dict[str, Any] = {}
    for name, value in (defaults | given).items():
        ours = RENAMED.get(name, name)
        if name == "fp16":
            fields["mixed_precision"] = "fp16" if value else "no"
            lists["mapped"].append(ImportedSetting(name=name, ours="mixed_precision"))
        elif name in OF_TEXT_ENCODER and not trains_text:
            if name in given:
                lists["ignored"].append(ImportedSetting(name=name, note="It is not trained."))
        elif ours in TrainingRequest.model_fields:
            kind = "assumed" if name not in given else "mapped" if ours != name else "honoured"
            fields[ours] = value
            lists[kind].append(ImportedSetting(name=name, ours=ours))
        else:
            note = WITHOUT_EFFECT.get(name, "Unknown here.")
            lists["ignored"].append(ImportedSetting(name=printable(name), note=note))
    report = ImportReport(
        tool="avatar", **{kind: tuple(settings) for kind, settings in lists.items()}
    )
    return AvatarImport(fields, {ours: their for their, ours in RENAMED.items()}, report)


def refuse_others(given: dict[str, Any]) -> None:
    """Refuse other tools' names for what the guidance names itself: its default would count.

    Raises:
        RequestRefusedError: with a problem for each such setting.
    """
    own = {ours: their for their, ours in RENAMED.items()}
    others = {n: ALIASES[n] for n in given if n in ALIASES and n not in OWN | DEFAULTS.keys()}
    if others:
        raise RequestRefusedError(
            [
                RequestProblem(
                    field=name,
                    message=f"Is no name of the avatar guidance's. Write {own.get(ours, ours)}.",
                )
                for name, ours in others.items()
            ]
        )


def refuse_biases(given: dict[str, Any]) -> None:
    """Refuse a request for trained biases, which our adapters do not have.

    Raises:
        RequestRefusedError: with a problem for each such setting.
    """
    asked = [name for name in sorted(BIASES) if given.pop(name, "none") != "none"]
    if asked:
        message = 'Must be "none": biases are not trained.'
        raise RequestRefusedError([RequestProblem(field=name, message=message) for name in asked])
