"""Several subjects of a ``dataset_config``: its subsets name each by ``class_tokens``.

They are mapped where that is exact: each subject has one folder, and all photos are repeated alike.
"""

from collections.abc import Sequence
from pathlib import PureWindowsPath
from typing import Any, NamedTuple

from contracts.shared.limits import MAX_SUBJECTS
from domain.requests.kohya_syntax import Settings, Subject, parse_folder
from domain.requests.subjects import subjects_in

APART = "The subsets name several subjects, and"


class SeveralSubjects(NamedTuple):
    """The subjects of a file's subsets."""

    fields: list[dict[str, Any]]
    """As the request's ``subjects``, each with its folder."""
    repeats: int
    """Number of times that each photo comes in an epoch."""


def subjects_of_subsets(subsets: Sequence[Settings]) -> SeveralSubjects | str:
    r"""Return the subjects, or a sentence that says why they cannot be mapped exactly.

    >>> cat = {"class_tokens": "tgr cat", "image_dir": "a/b", "num_repeats": 3}
    >>> dog = {"class_tokens": "rex dog", "image_dir": "a\\c", "num_repeats": 3}
    >>> [(one["trigger_word"], one["folder"]) for one in subjects_of_subsets([cat, dog]).fields]
    [('rex', 'c'), ('tgr', 'b')]
    >>> subjects_of_subsets([cat, dog | {"num_repeats": 2}])
    'The subsets name several subjects, and num_repeats differs. Give all the same.'
    """
    named = [subject_of(subset) for subset in subsets]
    folders = [folder_of(subset) for subset in subsets]
    if None in named or "" in folders:
        return f"{APART} one has no class_tokens or no image_dir. Give each both."
    repeats = {subset.get("num_repeats", 1) for subset in subsets}
    if len(repeats) > 1:
        return f"{APART} num_repeats differs. Give all the same."
    found = {
        (one.trigger_word, one.class_word, name)
        for one, name in zip(named, folders, strict=True)
        if one
    }
    words = {(word, kind) for word, kind, _ in found}
    if len({name for *_, name in found}) != len(found) or len(words) != len(found):
        return f"{APART} a subject has several folders, or a folder several subjects."
    if len(words) > MAX_SUBJECTS:
        return f"{APART} an adapter has {MAX_SUBJECTS} at most."
    where = {(word, kind): name for word, kind, name in found}
    in_order = sorted(where, key=str)
    fields = [
        one | {"folder": where[key]}
        for key, one in zip(in_order, subjects_in(where, None), strict=True)
    ]
    return SeveralSubjects(fields, int(repeats.pop()))


def subject_of(subset: Settings) -> Subject | None:
    """Return the subject that ``class_tokens`` names; None if it names none."""
    tokens = subset.get("class_tokens")
    return parse_folder(f"1_{tokens}") if isinstance(tokens, str) else None


def folder_of(subset: Settings) -> str:
    """Return the last part of ``image_dir``, of Windows too; empty if there is none."""
    place = subset.get("image_dir")
    return PureWindowsPath(place).name if isinstance(place, str) else ""
