"""Read what kohya's tools write as command lines: arguments, and ``name=value`` lists.

sd-scripts takes ``optimizer_args`` and ``network_args`` as lists of ``name=value``; kohya_ss's
window keeps them, and ``additional_parameters``, as one text.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from domain.requests.kohya.syntax import Settings

_NAME = re.compile(r"(?<![A-Za-z0-9_.])([A-Za-z_][A-Za-z0-9_]*)\s*=")
_AROUND = " \t\r\n,;'\""
_BETAS = re.compile(r"[(\[]?\s*([0-9.eE-]+)\s*,\s*([0-9.eE-]+)\s*[)\]]?")


def command_line(text: str) -> Settings | None:
    """Return the arguments of a command line; None for a text that is not one.

    >>> command_line("--network_train_unet_only --min_snr_gamma=5 --seed 7")
    {'network_train_unet_only': True, 'min_snr_gamma': 5, 'seed': 7}
    >>> command_line("network_train_unet_only") is None
    True
    """
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    found: dict[str, list[Any]] = {}
    name = None
    for word in words:
        if word.startswith("--") and len(word) > 2:  # noqa: PLR2004
            name, is_given, value = word[2:].partition("=")
            found[name] = [_typed(value)] if is_given else []
        elif name is None:
            return None
        else:
            found[name].append(_typed(word))
    return {name: _value(values) for name, values in found.items()}


def pairs_of(given: object) -> dict[str, str] | None:
    """Return the ``name=value`` pairs of a list, a text or a table; None for something else.

    Between the pairs of a text may be commas, as between the arguments of a call.

    >>> pairs_of('"decouple=True" "betas=0.9,0.91" weight_decay=0.1')
    {'decouple': 'True', 'betas': '0.9,0.91', 'weight_decay': '0.1'}
    >>> pairs_of("decouple=True, betas=(0.9, 0.99)"), pairs_of({"weight_decay": 0.1})
    ({'decouple': 'True', 'betas': '(0.9, 0.99)'}, {'weight_decay': '0.1'})
    """
    if isinstance(given, str):
        return _pairs_in(given)
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items()}
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        return None
    pairs = [word.partition("=") for word in given]
    named = all(is_given and name.strip() for name, is_given, _ in pairs)
    return {name.strip(): value.strip() for name, _, value in pairs} if named else None


def _pairs_in(text: str) -> dict[str, str] | None:
    """Return the pairs of a text: a value goes on to the next name."""
    before, *parts = _NAME.split(text)
    if before.strip(_AROUND):
        return None
    values = [value.strip(_AROUND) for value in parts[1::2]]
    return dict(zip(parts[::2], values, strict=True)) if all(values) else None


def optimizer_fields(pairs: Mapping[str, str]) -> dict[str, float] | None:
    """Return our fields for an optimizer's arguments; None: a value is no number.

    >>> optimizer_fields({"weight_decay": "0.01", "betas": "0.9,0.99", "d_coef": "2"})
    {'adam_weight_decay': 0.01, 'adam_beta1': 0.9, 'adam_beta2': 0.99}
    """
    found: dict[str, float] = {}
    try:
        if "weight_decay" in pairs:
            found["adam_weight_decay"] = float(pairs["weight_decay"])
        if "betas" in pairs:
            betas = _BETAS.fullmatch(pairs["betas"])
            if betas is None:
                return None
            found |= {"adam_beta1": float(betas[1]), "adam_beta2": float(betas[2])}
    except ValueError:
        return None
    return found


def is_true(pairs: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return a flag among the pairs."""
    return pairs[name].lower() == "true" if name in pairs else default


def _value(values: list[Any]) -> Any:  # noqa: ANN401 - a setting's value
    if not values:
        return True
    return values[0] if len(values) == 1 else values


def _typed(word: str) -> Any:  # noqa: ANN401 - a setting's value
    """Return a word of a command line as a number where it is one."""
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
