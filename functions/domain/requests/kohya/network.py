"""Which adapter kohya's scripts train: the module of the network, and its arguments."""

from collections.abc import Mapping
from typing import Any

from domain.requests.kohya.arguments import pairs_of
from domain.requests.kohya.state import KohyaState
from domain.requests.networks import NOT_USED, ONLY_THESE, Meaning, read_network
from domain.requests.request_json import printable

OF_LYCORIS = frozenset({"lycoris.kohya", "locon.locon_kohya"})
"""Modules whose arguments name the algorithm."""

LORAS = (
    "networks.lora",
    *(f"networks.lora_{base}" for base in ("flux", "sd3", "lumina", "hunyuan_image", "anima")),
    "Flux1",
)
"""Modules of sd-scripts that train a LoRA, one for each family of bases, and a window's type."""

OF_KOHYA = frozenset({*LORAS, "Kohya LoCon"})
"""Modules that are kohya's own: they read few of LyCORIS's arguments."""

ALGORITHMS = dict.fromkeys(LORAS, "lora") | {
    "networks.lokr": "lokr",
    "Kohya LoCon": "locon",
    "LoCon": "locon",
    "LyCORIS/LoCon": "locon",
    "LyCORIS/LoKr": "lokr",
}
"""Other modules, and the types of kohya_ss's window -> LyCORIS's name of the algorithm."""

READ_BY_KOHYA = frozenset({"algo", "loraplus_lr_ratio", "conv_dim", "conv_alpha"})

OF_BLOCKS = frozenset({"block_dims", "block_alphas"})
"""Arguments of kohya's own modules that give each block its rank and alpha."""

ONE_RANK = "Gives each block its own. Here all layers have one rank and one alpha: network_dim."

WINDOW_ARGUMENTS = {"LyCORIS_preset": "preset"} | {
    name: name
    for name in (
        *("factor", "decompose_both", "full_matrix", "use_cp", "use_tucker", "use_scalar"),
        *("rank_dropout", "module_dropout", "rank_dropout_scale", "train_norm", "dora_wd"),
        *("bypass_mode", "unbalanced_factorization", "rs_lora", "block_dims", "block_alphas"),
        *("conv_block_dims", "conv_block_alphas", "down_lr_weight", "mid_lr_weight"),
        *("up_lr_weight", "block_lr_zero_threshold"),
    )
}
"""Setting of kohya_ss's window -> the argument that the window makes of it."""

PAIRS = 'Must be name=value pairs: ["algo=lokr", "factor=8"].'


def carry_network(state: KohyaState) -> None:
    """Translate the kind of the network and its arguments."""
    module = state.take("network_module")
    pairs = _pairs(state)
    place, algorithm = algorithm_of(module, pairs or {})
    of_window = _window_arguments(state)
    arguments = {WINDOW_ARGUMENTS[name]: value for name, value in of_window.items()}
    found = read_network(algorithm, arguments | (pairs or {}))
    if found is None:
        state.refuse(place, ONLY_THESE)
        return
    if module is None or module in OF_KOHYA:
        found = {name: _of_kohya(name, one) for name, one in found.items()}
    if module is not None:
        _carry_module(state, module, found["algo"])
    elif found["algo"].ours:
        state.fields["adapter_type"] = found["algo"].value
    for name in of_window:
        _carry_setting(state, name, found.pop(WINDOW_ARGUMENTS[name]))
    if pairs is not None:
        _carry_pairs(state, found)
    elif "factor" in found:
        _carry_setting(state, "factor", found["factor"]._replace(kind="assumed"))
    state.refuse_whole_matrix()


def _of_kohya(name: str, meaning: Meaning) -> Meaning:
    """Return what an argument means to kohya's own modules."""
    if name in OF_BLOCKS:
        return Meaning("refused", ONE_RANK)
    return meaning if name in READ_BY_KOHYA else Meaning("ignored", NOT_USED)


def algorithm_of(module: str | None, pairs: Mapping[str, str]) -> tuple[str, str]:
    """Return the setting that names the algorithm, and LyCORIS's name of it; empty: unknown.

    >>> algorithm_of("lycoris.kohya", {"algo": "LoKr"}), algorithm_of("networks.dylora", {})
    (('network_args', 'lokr'), ('network_module', ''))
    """
    if module in OF_LYCORIS or (module is None and "algo" in pairs):
        named = pairs.get("algo", "lora").lower()
        place = "network_args" if "algo" in pairs else "network_module"
        return place, "locon" if named == "lora" else named  # the same class in LyCORIS
    return "network_module", ALGORITHMS.get("networks.lora" if module is None else module, "")


def _pairs(state: KohyaState) -> dict[str, str] | None:
    """Return ``network_args``; None: there are none, or they are refused."""
    given = state.take("network_args")
    pairs = None if given is None else pairs_of(given)
    if given is not None and pairs is None:
        state.refuse("network_args", PAIRS)
    return pairs


def _window_arguments(state: KohyaState) -> dict[str, Any]:
    """Take the window's settings that become arguments; what is empty is not set."""
    names = [name for name in WINDOW_ARGUMENTS if state.called and name in state.given]
    taken = {name: state.given.pop(name) for name in names}
    for name in [name for name, value in taken.items() if value == ""]:
        state.report("ignored", name, None, "Not set.")
        del taken[name]
    return taken


def _carry_module(state: KohyaState, module: str, meaning: Meaning) -> None:
    if meaning.ours is not None:
        state.put("mapped", "network_module", meaning.ours, meaning.value, meaning.note)
    elif module == "networks.lora":
        state.report("honoured", "network_module", None, "LoRA.")
    else:
        state.report("mapped", "network_module", None, meaning.note)


def _carry_setting(state: KohyaState, name: str, meaning: Meaning) -> None:
    """Carry one setting of the window."""
    if meaning.kind == "refused":
        state.refuse(name, meaning.note)
    elif meaning.ours is None:
        state.report("ignored", name, None, meaning.note)
    else:
        _hold(state, name, meaning)
        state.report(meaning.kind, name, meaning.ours, meaning.note)


def _carry_pairs(state: KohyaState, found: Mapping[str, Meaning]) -> None:
    """Carry ``network_args``, which are one setting of the file."""
    name = "network_args"
    refused = {one: meaning.note for one, meaning in found.items() if meaning.kind == "refused"}
    used = {one: meaning for one, meaning in found.items() if meaning.kind == "mapped"}
    unused = [one for one, meaning in found.items() if meaning.kind == "ignored"]
    for one, why in refused.items():
        state.refuse(name, f"{one}: {why}")
    for one, meaning in used.items():
        if meaning.ours is not None and one != "algo":
            _hold(state, name, meaning)
    notes = [f"{' and '.join(used)}."] if any(used[one].ours for one in used) else []
    notes += [f"{one}: {used[one].note}" for one in used if used[one].note and one != "algo"]
    if unused:
        notes.append(f"Not used: {printable(', '.join(unused))}.")
    fields = [meaning.ours for meaning in used.values() if meaning.ours is not None]
    kind = "mapped" if fields else "ignored"
    state.report(kind, name, next(iter(fields), None), " ".join(notes) or "Not set.")


def _hold(state: KohyaState, name: str, meaning: Meaning) -> None:
    """Set the field of an argument, which goes before a setting beside the arguments."""
    ours = str(meaning.ours)
    if ours == "train_text_encoder":
        state.only_unet = name
    elif ours in state.fields and state.fields[ours] != meaning.value:
        state.take_back(ours, f"{state.shown(name)} is used instead.")
    state.fields[ours] = meaning.value
    state.theirs[ours] = name
