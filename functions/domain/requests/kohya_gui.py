"""Read a JSON file of kohya_ss's window as the settings of kohya's scripts.

The window writes every setting, with an empty text or 0 for what is not set, and some under other
names than the scripts that it starts (kohya_ss/kohya_gui/lora_gui.py).
"""

from typing import Any, NamedTuple

from contracts.documents.upload.problems import RequestProblem
from domain.requests.kohya_settings import KNOWN
from domain.requests.kohya_syntax import Settings
from domain.requests.request_json import RequestRefusedError

MARKS = frozenset(
    {
        *("LoRA_type", "max_resolution", "train_data_dir", "pretrained_model_name_or_path"),
        *("network_dim", "network_alpha", "unet_lr", "caption_extension"),
        *("stop_text_encoder_training", "lr_warmup", "model_list"),
    }
)
"""Names that kohya_ss writes and the avatar guidance does not know."""

AVATAR_MARKS = frozenset(
    {
        *("n_steps", "concept_prompt", "lora_r", "lora_bias", "lora_text_encoder_bias"),
        *("lora_text_encoder_r", "lora_text_encoder_alpha", "instance_data_dir", "class_data_dir"),
    }
)
"""Names of the avatar guidance that kohya_ss does not write."""

RENAMED = {
    "max_resolution": "resolution",
    "optimizer": "optimizer_type",
    "sdxl_cache_text_encoder_outputs": "cache_text_encoder_outputs",
    "LoRA_type": "network_module",
    "epoch": "max_train_epochs",
}
"""The window's name -> the scripts' name."""

UNSET_BY_ZERO = frozenset(
    {
        *("seed", "max_train_steps", "max_train_epochs", "epoch", "sample_every_n_steps"),
        *("lr_warmup_steps", "lr_scheduler_num_cycles", "lr_scheduler_power"),
    }
)
"""Settings whose 0 the window does not hand to the scripts."""

NOT_SET = "Not set."


class WindowSettings(NamedTuple):
    """The settings, under the scripts' names."""

    given: Settings
    called: dict[str, str]
    """The scripts' name -> the window's, of every setting."""

    warm_up: object
    """The window's ``lr_warmup``, a percentage of all steps; None: it is not given."""

    left: dict[str, str]
    """The window's name -> why the setting does not count."""


def is_kohya_gui(given: Settings) -> bool:
    """Return whether a config.json is kohya_ss's; otherwise it is the avatar guidance's.

    Raises:
        RequestRefusedError: it has settings of both.
    """
    theirs, others = sorted(MARKS & set(given)), sorted(AVATAR_MARKS & set(given))
    if theirs and others:
        message = (
            f"Has settings of two tools: {theirs[0]} is kohya_ss's, {others[0]} is the avatar"
            " guidance's. Keep the settings of one."
        )
        raise RequestRefusedError([RequestProblem(field="config.json", message=message)])
    return bool(theirs)


def read_window(window: Settings) -> WindowSettings:
    """Return the window's settings as it would hand them to the scripts."""
    values = {name: _typed(name, value) for name, value in window.items()}
    warm_up = values.pop("lr_warmup", None)
    if values.get("LoRA_type") == "Standard":
        values["LoRA_type"] = "networks.lora"
    left = _unused(values)
    given: Settings = {}
    called: dict[str, str] = {}
    for name, value in values.items():
        script = RENAMED.get(name, name)
        if name in left:
            continue
        if script in given:
            left[name] = f"{called[script]} is used instead."
            continue
        given[script], called[script] = value, name
    if given.get("unet_lr") == 0 and _is_set(given, "text_encoder_lr"):
        del given["unet_lr"]
        given["network_train_text_encoder_only"] = True
        called["network_train_text_encoder_only"] = "unet_lr"
    return WindowSettings(given, called, warm_up, left)


def _unused(values: Settings) -> dict[str, str]:
    """Return the settings that the window does not hand on, each with the reason."""
    zeros = [name for name in UNSET_BY_ZERO & set(values) if not _is_set(values, name)]
    unused = dict.fromkeys(sorted(zeros), NOT_SET)
    for steps in ("max_train_epochs", "max_train_steps"):
        if _is_set(values, steps) and _is_set(values, "epoch"):
            unused["epoch"] = f"{steps} is used instead."
    if _is_set(values, "text_encoder_lr") and values.get("unet_lr") == 0:
        return unused  # the text encoders alone
    if "unet_lr" in values and not _is_set(values, "unet_lr"):
        unused["unet_lr"] = NOT_SET
        if "text_encoder_lr" in values and not _is_set(values, "text_encoder_lr"):
            unused["text_encoder_lr"] = NOT_SET
    return unused


def _is_set(values: Settings, name: str) -> bool:
    return values.get(name) not in ("", None, 0)


def _typed(name: str, value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Return a value as the scripts read it: the window keeps some numbers as texts."""
    script = RENAMED.get(name, name)
    kind = KNOWN[script].kind if script in KNOWN else "any"
    if value is None:
        return ""
    numeric = kind in {"whole", "number"} or name in {"text_encoder_lr", "lr_warmup"}
    if not numeric or isinstance(value, bool):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return value
    return int(number) if number.is_integer() and kind == "whole" else number
