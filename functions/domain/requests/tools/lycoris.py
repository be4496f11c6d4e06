"""Read SimpleTuner's lycoris_config.json: the kind of the adapter, and its arguments.

LyCORIS takes the file as it is: github.com/KohakuBlueleaf/LyCORIS, lycoris/wrapper.py.
"""

from collections.abc import Mapping
from typing import Any

from contracts.documents.upload.problems import RequestProblem
from domain.requests.networks import OWN_FACTOR, assumed_factor
from domain.requests.request_json import printable
from domain.requests.tools.translation import ARGUMENT, Fields, Reading

SWITCH = "lora_type_lycoris"
"""The name under which SimpleTuner's switch to this file is translated."""

NAMES = {
    "algo": "network_type",
    "linear_dim": "rank",
    "linear_alpha": "lora_alpha",
    "apply_preset": "layers",
    "multiplier": "unit",
}
"""Name in the file -> the name under which it is translated; other names are arguments."""

OWN_LORA = frozenset({"lora_rank", "lora_alpha", "lora_dropout"})
"""Settings of config.json that count for its own LoRA alone."""

PREFIX = "lycoris_config."
RANK, ALPHA = 4, 1.0
"""LyCORIS's own values."""

NO_FILE = (
    "Upload its lycoris_config.json, too: it says which adapter is trained. Or write standard."
)
NO_ALGORITHM = "Is missing: it says which adapter is trained, for example lokr."
MULTIPLIER = "Must be 1: alpha and rank alone say how much of the change is used."


def read_lycoris(given: Mapping[str, Any] | None, *, is_used: bool) -> Reading:
    """Return the settings of the file.

    Args:
        given: its content; None: it is not in the upload.
        is_used: whether config.json asks for it.
    """
    if given is None:
        missing = RequestProblem(field="lora_type", message=NO_FILE)
        return Reading([], problems=(missing,) if is_used else ())
    if not is_used:
        return Reading([("unused", PREFIX + printable(name), v) for name, v in given.items()])
    settings = [
        (NAMES.get(name, f"{ARGUMENT}{name}"), PREFIX + printable(name), value)
        for name, value in given.items()
    ]
    problems = []
    if "algo" not in given:
        problems.append(RequestProblem(field=f"{PREFIX}algo", message=NO_ALGORITHM))
    if given.get("multiplier", 1) != 1:
        problems.append(RequestProblem(field=f"{PREFIX}multiplier", message=MULTIPLIER))
    assumed: Fields = {"rank": RANK, "lora_alpha": ALPHA, **assumed_factor(given.get("algo"))}
    notes = {"decompose_factor": OWN_FACTOR}
    return Reading(settings, {}, assumed, tuple(problems), notes)
