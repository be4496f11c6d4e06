"""Read a JSON file of kohya_ss's window as the settings of kohya's scripts.

The window writes every setting, with an empty text or 0 for what is not set, and some under other
names than the scripts that it starts (kohya_ss/kohya_gui/lora_gui.py).
"""

from typing import Any, NamedTuple

from contracts.documents.upload.problems import RequestProblem
from domain.requests.kohya.arguments import command_line
from domain.requests.kohya.settings import KNOWN
from domain.requests.kohya.syntax import Settings
from domain.requests.request_json import RequestRefusedError

WINDOW_MARKS = frozenset(
    {
        *("LoRA_type", "max_resolution", "lr_warmup", "model_list", "stop_text_encoder_training"),
        *("stop_text_encoder_training_pct", "additional_parameters", "epoch", "LyCORIS_preset"),
        *("sdxl_cache_text_encoder_outputs", "sdxl_no_half_vae", "lora_network_weights"),
        *("network_dim", "network_alpha", "unet_lr", "caption_extension", "train_data_dir"),
    }
)
"""Names that kohya_ss's window writes."""

SCRIPT_MARKS = frozenset({"network_module", "optimizer_type", "max_train_epochs", "num_epochs"})
"""Names of sd-scripts that the window writes under other names, or beside its own."""

WHOLE_MODEL = (
    "Is missing: this is a file of kohya_ss's tab for whole models or embeddings. Only LoRA"
    " adapters are trained; save the settings of its LoRA tab."
)

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

ZERO_IS_NONE = frozenset(
    {"loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio"}
)
"""Settings of which 0 means that they are not used."""

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


def is_window(given: Settings) -> bool:
    """Return whether kohya's names in a JSON document are the window's, not the scripts'."""
    only_window = WINDOW_MARKS - {"network_dim", "network_alpha", "unet_lr", "caption_extension"}
    if (only_window - {"train_data_dir"}) & set(given):
        return True
    return bool(WINDOW_MARKS & set(given)) and not SCRIPT_MARKS & set(given)


def read_window(window: Settings) -> WindowSettings:
    """Return the window's settings as it would hand them to the scripts.

    Raises:
        RequestRefusedError: the file is of another tab, or its arguments are no command line.
    """
    if not {"LoRA_type", "network_dim", "network_alpha", "unet_lr"} & set(window):
        raise RequestRefusedError([RequestProblem(field="LoRA_type", message=WHOLE_MODEL)])
    values = {name: _typed(name, value) for name, value in window.items()}
    extra = _arguments(values)
    warm_up = values.pop("lr_warmup", None)
    if values.get("LoRA_type") == "Standard":
        values["LoRA_type"] = "networks.lora"
    left = _unused(values)
    if extra:
        left["additional_parameters"] = "Each of its arguments is listed."
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
    for script, value in extra.items():  # the last argument of a command line counts
        if script in given:
            left[called[script]] = "additional_parameters is used instead."
        given[script], called[script] = value, f"additional_parameters --{script}"
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
    kind = values.get("noise_offset_type") or "Original"
    if "noise_offset" in values and str(kind).lower() != "original":
        unused["noise_offset"] = "noise_offset_type is another one."
    unused |= {name: NOT_SET for name in ZERO_IS_NONE & set(values) if not _is_set(values, name)}
    if _is_set(values, "text_encoder_lr") and values.get("unet_lr") == 0:
        return unused  # the text encoders alone
    if "unet_lr" in values and not _is_set(values, "unet_lr"):
        unused["unet_lr"] = NOT_SET
        if "text_encoder_lr" in values and not _is_set(values, "text_encoder_lr"):
            unused["text_encoder_lr"] = NOT_SET
    return unused


def _arguments(values: Settings) -> Settings:
    """Take the additional arguments out of the values.

    Raises:
        RequestRefusedError: they are no command line.
    """
    text = values.get("additional_parameters", "")
    extra = command_line(text) if isinstance(text, str) else None
    if extra is None:
        message = 'Must be arguments: "--min_snr_gamma 5 --network_train_unet_only".'
        raise RequestRefusedError([RequestProblem(field="additional_parameters", message=message)])
    return {RENAMED.get(name, name): value for name, value in extra.items()}


def _is_set(values: Settings, name: str) -> bool:
    return values.get(name) not in ("", None, 0)


def _typed(name: str, value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Return a value as the scripts read it: the window keeps some numbers as texts."""
    script = RENAMED.get(name, name)
    kind = KNOWN[script].kind if script in KNOWN else "any"
    if value is None:
        return ""
    if kind == "flag" and type(value) is int and value in (0, 1):  # some releases write numbers
        return bool(value)
    numeric = kind in {"whole", "number"} or name in {"text_encoder_lr", "lr_warmup"}
    if not numeric or isinstance(value, bool):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return value
    return int(number) if number.is_integer() and kind == "whole" else number
