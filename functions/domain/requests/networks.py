"""What the adapters of other tools are here: LoRA, DoRA and LoKr; everything else is refused.

The arguments have LyCORIS's names, which kohya's scripts take as ``network_args``; what each means
is written in github.com/KohakuBlueleaf/LyCORIS, lycoris/kohya.py and lycoris/modules/lokr.py.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from contracts.documents.upload.adapter_options import AdapterOptions, AdapterType

KINDS: dict[str, AdapterType] = {"lora": "lora", "locon": "lora", "lokr": "lokr"}
"""Name of an algorithm -> ours. LoCon is LoRA that changes convolutions, too."""

ONLY_THESE = "Only LoRA, DoRA, LoKr and the linear layers of LoCon are trained."
NO_CONVOLUTIONS = "Convolutions get no adapter here."
NO_WHOLE_MATRIX = (
    "Asks for a whole second matrix, which equals no LoRA of a useful rank. Give a rank below half"
    " of the narrowest layer's width / factor, or train a LoRA."
)
NO_BOTH = "Is not here: LoKr's first matrix is whole, and its smaller sides are the first ones."
NO_LENGTHS = "Is not here together with LoKr: DoRA and rsLoRA are for LoRA."
OF_OUTPUTS = "Every output has a length (wd_on_output)."
OF_LOKR = "Only LoKr has it."
OF_LORA = "LoKr has none here."
SWITCHED_OFF = "Switched off."
NOT_USED = "Not used."
LAYERS = "Name the layers in target_modules."
NO_NUMBER = "Must be a number."
NO_FLAG = "Must be true or false."
FACTOR = int(AdapterOptions.model_fields["decompose_factor"].default)
OWN_FACTOR = f"The tool chooses it for each layer; here it is the default, {FACTOR}."

UNET_PRESETS = frozenset({"unet-only", "unet-transformer-only"})
"""LyCORIS's sets of layers without those of the text encoders."""

OTHER_PRESETS = frozenset({"unet-convblock-only", "ia3"})
"""LyCORIS's sets of layers that have none of ours."""


_REFUSED_FOR_LOKR = {
    "full_matrix": NO_WHOLE_MATRIX,
    "decompose_both": NO_BOTH,
    "unbalanced_factorization": NO_BOTH,
    "dora_wd": NO_LENGTHS,
    "rs_lora": NO_LENGTHS,
}

_ARGUMENTS_OF_LOKR = frozenset(
    {"factor", "full_matrix", "decompose_both", "unbalanced_factorization"}
)

_FLAGS: dict[str, tuple[str | None, str]] = {
    "dora_wd": ("use_dora", OF_OUTPUTS),
    "rs_lora": ("use_rslora", ""),
    **dict.fromkeys(("full_matrix", "decompose_both", "unbalanced_factorization"), (None, OF_LOKR)),
    "train_norm": (None, "Norms get no adapter here."),
    **dict.fromkeys(("use_tucker", "use_cp", "use_conv_cp"), (None, NO_CONVOLUTIONS)),
}
"""Name of a flag -> our field and a note, where the flag is true."""

_NUMBERS = {"loraplus_lr_ratio": "loraplus_lr_ratio", "dropout": "lora_dropout"}
"""Name of a number -> our field. 0 is the same as nothing."""

_NOTES = dict.fromkeys(("conv_dim", "conv_alpha", "disable_conv_cp"), NO_CONVOLUTIONS)


class Meaning(NamedTuple):
    """What one argument of a network is here."""

    kind: Literal["mapped", "ignored", "refused", "assumed"]
    note: str = ""
    ours: str | None = None
    """Our field; None: it has none."""
    value: object = None


def read_network(algorithm: str, arguments: Mapping[str, object]) -> dict[str, Meaning] | None:
    """Return what each argument means, by its name; None: the algorithm is not here.

    The algorithm itself is the argument ``algo``. A missing argument that counts is there, too.

    >>> read_network("LoKr", {"factor": "8"})["factor"].value
    8
    >>> read_network("loha", {}) is None
    True
    """
    kind = KINDS.get(algorithm.strip().lower())
    if kind is None:
        return None
    found = {"algo": _algorithm(algorithm, kind)}
    if kind == "lokr":
        found["factor"] = _factor(-1)
    return found | {name: _meaning(kind, name, value) for name, value in arguments.items()}


def assumed_factor(algorithm: object) -> dict[str, int]:
    """Return the field of LoKr's factor where a document has none: its tool chooses one.

    >>> assumed_factor("LOKR"), assumed_factor("lora")
    ({'decompose_factor': 8}, {})
    """
    return {"decompose_factor": FACTOR} if str(algorithm).lower() == "lokr" else {}


def flag_of(value: object) -> bool | None:
    """Return a flag, which a list of arguments holds as a text; None: it is none.

    >>> [flag_of(value) for value in ("True", "1", True, "False", 0, "", "much")]
    [True, True, True, False, False, False, None]
    """
    text = str(value).strip().lower()
    if text in ("true", "1", "yes", "y", "on"):
        return True
    return False if text in ("false", "0", "no", "n", "off", "none", "") else None


def number_of(value: object) -> float | None:
    """Return a number, which a list of arguments holds as a text; None: it is none.

    >>> number_of("0.5"), number_of(8), number_of("much"), number_of(True)
    (0.5, 8.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _algorithm(algorithm: str, kind: AdapterType) -> Meaning:
    if kind == "lokr":
        return Meaning("mapped", "", "adapter_type", "lokr")
    is_locon = algorithm.strip().lower() == "locon"
    return Meaning("mapped", NO_CONVOLUTIONS if is_locon else "")


def _meaning(kind: AdapterType, name: str, value: object) -> Meaning:
    """Return what one argument means."""
    if name == "algo":
        return _algorithm(str(value), kind)
    if name in _ARGUMENTS_OF_LOKR and kind != "lokr":
        return Meaning("ignored", OF_LOKR)
    if name in _FLAGS:
        return _flag(kind, name, value)
    if name in _NUMBERS:
        return Meaning("ignored", OF_LORA) if kind == "lokr" else _number(name, value)
    return _factor(value) if name == "factor" else _layers(name, value)


def _flag(kind: AdapterType, name: str, value: object) -> Meaning:
    asked = flag_of(value)
    if asked is None:
        return Meaning("refused", NO_FLAG)
    if not asked:
        return Meaning("ignored", SWITCHED_OFF)
    if kind == "lokr" and name in _REFUSED_FOR_LOKR:
        return Meaning("refused", _REFUSED_FOR_LOKR[name])
    field, note = _FLAGS[name]
    return Meaning("mapped", note, field, value=True) if field else Meaning("ignored", note)


def _factor(value: object) -> Meaning:
    number = number_of(value)
    if number is None or not number.is_integer():
        return Meaning("refused", NO_NUMBER)
    if number == -1:
        return Meaning("mapped", OWN_FACTOR, "decompose_factor", FACTOR)
    return Meaning("mapped", "", "decompose_factor", int(number))


def _number(name: str, value: object) -> Meaning:
    number = number_of(value)
    if number is None:
        return Meaning("refused", NO_NUMBER)
    if not number:
        return Meaning("ignored", SWITCHED_OFF)
    return Meaning("mapped", "", _NUMBERS[name], number)


def _layers(name: str, value: object) -> Meaning:
    """Return what an argument means that chooses layers, or that has no effect."""
    if name != "preset":
        return Meaning("ignored", _NOTES.get(name, NOT_USED))
    if str(value) in OTHER_PRESETS:
        return Meaning("refused", f"Has no layers that are trained here. {LAYERS}")
    if str(value) in UNET_PRESETS:
        return Meaning("mapped", LAYERS, "train_text_encoder", value=False)
    return Meaning("ignored", LAYERS)
