"""Fold kohya's sections, and the datasets of a ``dataset_config``, into one training's settings.

A dataset's settings count before those of ``[general]``, and a subset's before its dataset's, as in
sd-scripts (docs/config_README-en.md). What the subsets agree on is the training's.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeGuard

from contracts.documents.upload.problems import RequestProblem
from domain.requests.kohya.settings import KNOWN, SAME, SPECIAL
from domain.requests.kohya.syntax import Settings
from domain.requests.request_json import printable

DEFAULTS: Settings = {
    "batch_size": 1,
    "num_repeats": 1,
    "enable_bucket": False,
    "caption_dropout_rate": 0.0,
}
"""Values of kohya's for what one subset leaves out and another gives."""

ARGUMENT_OF = {"batch_size": "train_batch_size"}
"""Setting of a dataset -> the argument whose value counts where no dataset gives it."""

ARGUMENTS = frozenset({"optimizer_args", "network_args"})
"""Lists of ``name=value`` that LoRA Easy Training Scripts writes as tables."""

TOGETHER = frozenset({"resolution", "num_repeats", "class_tokens"})
"""Settings whose several values domain.requests.kohya.request maps or refuses, given as a tuple."""


class Flat(NamedTuple):
    """The settings of a file without its sections."""

    given: Settings
    problems: list[RequestProblem]
    """One for each setting with several values, where a training has one."""

    notes: dict[str, str]
    """Setting -> why its value is not that of every dataset."""

    of_class: tuple[str, ...]
    """Settings of the subsets of class images."""

    passes: float
    """Number of times that the datasets name each folder of photos."""

    subsets: tuple[Settings, ...] = ()
    """What counts for each subset of photos; empty without datasets."""


def flatten(content: Settings) -> Flat:
    """Return the settings of all sections.

    >>> flatten({"network_arguments": {"network_dim": 8}, "datasets": [{"batch_size": 1}]}).given
    {'network_dim': 8, 'batch_size': 1}
    """
    datasets, general = content.get("datasets"), content.get("general", {})
    if not (_are_tables(datasets) and isinstance(general, dict)):
        given, problems = _flat(content)
        return Flat(given, problems, {}, (), 1)
    apart = ("general", "datasets")
    given, problems = _flat({name: v for name, v in content.items() if name not in apart})
    subsets, of_class = _subsets(general, datasets)
    names = list(dict.fromkeys(name for subset in subsets for name in subset))
    notes: dict[str, str] = {}
    for name in names:
        absent = given.get(ARGUMENT_OF.get(name, name), DEFAULTS.get(name))
        values = [subset.get(name, absent) for subset in subsets]
        _fold(name, [value for value in values if value is not None], (given, problems, notes))
    if of_class:
        given["is_reg"] = True
    return Flat(given, problems, notes, tuple(of_class), _passes(subsets), tuple(subsets))


def names_in(content: Settings) -> set[str]:
    """Return the names of all settings in a file, whatever sections they lie in."""
    return {name for name, _ in _walk(content)}


def _fold(
    name: str, values: Sequence[Any], into: tuple[Settings, list[RequestProblem], dict[str, str]]
) -> None:
    """Add one value of the subsets' values to the settings, or a problem."""
    given, problems, notes = into
    apart = tuple({repr(value): value for value in values}.values())
    given[name] = apart[0]
    if len(apart) == 1:
        return
    if name in TOGETHER:
        given[name] = apart
    elif name == "batch_size" and all(type(value) is int for value in apart):
        given[name] = min(apart)
        notes[name] = f"The datasets have {', '.join(map(str, apart))}; the smallest is used."
    elif name in SAME | SPECIAL:
        message = "The datasets give different values; a training has one. Give all the same."
        problems.append(RequestProblem(field=printable(name), message=message))


def _subsets(general: Settings, datasets: list[Settings]) -> tuple[list[Settings], list[str]]:
    """Return what counts for each subset of photos, and the settings of class images' subsets."""
    found: list[Settings] = []
    outer: list[Settings] = []
    of_class: dict[str, None] = {}
    for dataset in datasets:
        own = general | {name: value for name, value in dataset.items() if name != "subsets"}
        outer.append(own)
        inner = dataset.get("subsets", [{}])
        for subset in inner if _are_tables(inner) else [{}]:
            if (own | subset).get("is_reg") is True:
                of_class |= dict.fromkeys(subset)
            else:
                found.append(own | subset)
    return found or outer, list(of_class)


def _passes(subsets: list[Settings]) -> float:
    folders = {str(subset.get("image_dir")) for subset in subsets}
    return len(subsets) / len(folders) if all("image_dir" in s for s in subsets) else 1


def _flat(content: Settings) -> tuple[Settings, list[RequestProblem]]:
    found: Settings = {}
    twice: dict[str, None] = {}
    for name, value in _walk(content):
        if name in found and found[name] != value and name in SAME | SPECIAL:
            twice[name] = None
        found.setdefault(name, value)
    message = "Given several times with different values; a training here has one value."
    return found, [RequestProblem(field=printable(name), message=message) for name in twice]


def _walk(content: Settings) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if name in ARGUMENTS and _are_pairs(value):
            yield name, [f"{key}={each}" for key, each in value.items()]
        elif isinstance(value, dict):
            yield from _walk(value)
        elif _are_tables(value):
            for item in value:
                yield from _walk(item)
        else:
            yield name, value


def _are_pairs(value: object) -> TypeGuard[Settings]:
    """Return whether a table holds an optimizer's or network's arguments, and no settings."""
    if not isinstance(value, dict) or not value or set(value) & KNOWN.keys():
        return False
    return not any(isinstance(each, dict | list) for each in value.values())


def _are_tables(value: object) -> TypeGuard[list[Settings]]:
    """Return whether a value is a list of TOML's tables, and not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)
