"""Several subjects of one upload: which folder of photos shows which of them.

A photo shows the subject whose name the nearest folder around it has. A folder's name is the
subject's ``folder``, or without one its trigger word; or it is one of kohya's with the subject's
trigger word, such as ``10_anna woman``. An archive of such a name counts as a folder.
"""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.documents.upload.subject import Subject
from contracts.shared.limits import MIN_PHOTOS
from contracts.shared.suffixes import ARCHIVE_SUFFIXES, without_suffix
from contracts.shared.words.triggers import composed
from domain.requests.kohya.syntax import parse_folder
from domain.requests.presets import PRESETS

Named = tuple[str, str | None]
"""Trigger word and class of a folder in kohya's form."""


def subjects_in(folders: Iterable[Named], preset: object) -> list[dict[str, Any]]:
    """Return what folders in kohya's form say of their subjects, as fields of ``subjects``.

    >>> subjects_in([("anna", "woman"), ("rex", None)], None)[1]["instance_prompt"]
    'a photo of TOK'
    """
    return [
        {"trigger_word": word, **prompts_of(kind, preset)}
        for word, kind in sorted(folders, key=str)
    ]


def prompts_of(class_word: str | None, preset: object) -> dict[str, Any]:
    """Return the prompts of a folder's subject; a folder without a class takes the preset's."""
    if class_word is None and isinstance(preset, str) and preset in PRESETS:
        return {name: PRESETS[preset][name] for name in ("instance_prompt", "class_prompt")}
    return {
        "instance_prompt": " ".join(filter(None, ("a photo of TOK", class_word))),
        "class_prompt": f"a photo of a {class_word}" if class_word else "a photo",
    }


def subject_of_photo(name: str, subjects: Sequence[Subject]) -> int | None:
    """Return the number of the subject that a photo shows; None if no folder around it says so.

    >>> dog = Subject(trigger_word="rex", instance_prompt="a TOK dog", class_prompt="a dog")
    >>> [subject_of_photo(n, [dog]) for n in ("rex/1.jpg", "10_rex dog/new/1.jpg", "1.jpg")]
    [0, 0, None]
    """
    for folder in PurePosixPath(name).parents:
        named = parse_folder(without_suffix(folder.name, ARCHIVE_SUFFIXES))
        word = None if named is None else named.trigger_word
        for number, subject in enumerate(subjects):
            if is_folder_of(folder.name, subject):
                return number
        for number, subject in enumerate(subjects):
            if word == subject.trigger_word:
                return number
    return None


def is_folder_of(name: str, subject: Subject) -> bool:
    """Return whether a folder or an archive has the name of a subject's folder.

    >>> anna = Subject(trigger_word="anna", instance_prompt="TOK", class_prompt="a", folder="A B")
    >>> [is_folder_of(name, anna) for name in ("A B", "a b.zip", "anna", "")]
    [True, True, False, False]
    """
    plain = composed(name).strip().casefold()
    return subject.folder_name.casefold() in {plain, without_suffix(plain, ARCHIVE_SUFFIXES)}


def folder_problems(request: TrainingRequest, photos: Sequence[str]) -> list[RequestProblem]:
    """Return the problems of an upload whose folders do not say which subject a photo shows."""
    if not request.subjects or not photos:
        return []
    shown = [subject_of_photo(photo, request.subjects) for photo in photos]
    stray, problems = shown.count(None), []
    if stray:
        message = (
            f"{stray} of {len(photos)} photos are in no subject's folder. Put each photo into a "
            "folder with its subject's trigger word or folder as its name."
        )
        problems.append(RequestProblem(field="subjects", message=message))
    for number in range(len(request.subjects)):
        found = shown.count(number)
        if found < MIN_PHOTOS:
            message = f"Photos in its folder: {found}; each subject needs at least {MIN_PHOTOS}."
            problems.append(RequestProblem(field=f"subjects.{number}", message=message))
    return problems
