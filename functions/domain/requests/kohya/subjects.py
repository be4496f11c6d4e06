"""The subject of kohya's photos; or several, which the subsets of a ``dataset_config`` name.

Several are mapped where that is exact: each has one folder, and all photos are repeated alike.
"""

from collections.abc import Sequence
from pathlib import PureWindowsPath
from typing import Any, NamedTuple

from contracts.shared.limits import MAX_SUBJECTS
from domain.requests.kohya.state import KohyaState
from domain.requests.kohya.syntax import Settings, Subject, parse_folder
from domain.requests.subjects import subjects_in

APART = "The subsets name several subjects, and"


class SeveralSubjects(NamedTuple):
    """The subjects of a file's subsets."""

    fields: list[dict[str, Any]]
    """As the request's ``subjects``, each with its folder."""
    repeats: int
    """Number of times that each photo comes in an epoch."""


def find_subject(state: KohyaState, of_folder: Subject | None) -> Subject:
    """Return the subject of the photos: from their folder, else from class_tokens."""
    tokens, repeats = state.take("class_tokens"), state.take("num_repeats")
    if of_folder is None and isinstance(tokens, tuple):
        return find_several(state)
    if of_folder is None and isinstance(repeats, tuple):
        message = (
            "The subsets differ. Put the photos into folders like 60_dwjz, or give one number."
        )
        state.refuse("num_repeats", message)
        repeats = repeats[0]
    named = parse_folder(f"{repeats or 1}_{tokens}") if tokens is not None else None
    if of_folder is not None:
        for name, value in (("class_tokens", tokens), ("num_repeats", repeats)):
            if value is not None:
                state.report("ignored", name, None, "The folder's name is used instead.")
        return of_folder
    if named is None:
        where = "class_tokens" if tokens is not None else ""
        message = "Name the photos' folder <repeats>_<trigger word>, for example 60_dwjz."
        state.refuse(where, message)
        return Subject(1, "sks")
    state.report("mapped", "class_tokens", "trigger_word")
    if repeats is not None:
        state.report(
            "mapped",
            "num_repeats",
            "max_train_steps",
            "It counts together with max_train_epochs.",
        )
    return named


def find_several(state: KohyaState) -> Subject:
    """Map the subjects that the subsets name; return the first, with all photos' repeats."""
    found = subjects_of_subsets(state.file.subsets)
    if isinstance(found, str):
        state.refuse("class_tokens", found)
        return Subject(1, "sks")
    state.subjects = found.fields
    places = ", ".join(str(one["folder"]) for one in found.fields)
    state.report("mapped", "class_tokens", "subjects", f"Photos of each lie in: {places}.")
    return Subject(found.repeats, str(found.fields[0]["trigger_word"]))


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
