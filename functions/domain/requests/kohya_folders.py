"""Folder names in kohya's form: ``60_dwjz cat`` means dwjz, a cat, 60 times per epoch."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from contracts.shared.limits import MAX_REPEATS
from domain.requests.kohya_syntax import Subject, parse_folder


def subject_of(photo: str) -> Subject | None:
    """Return the subject that the photo's folder names; None for another folder name.

    >>> subject_of("60_dwjz/a.jpg"), subject_of("2024_summer/a.jpg"), subject_of("a.jpg")
    (Subject(repeats=60, trigger_word='dwjz', class_word=None), None, None)
    """
    found = parse_folder(PurePosixPath(photo).parent.name)
    return found if found is not None and found.repeats <= MAX_REPEATS else None


def repeats_of(photo: str) -> int:
    """Return the number of times that a photo comes in an epoch.

    >>> repeats_of("60_dwjz/a.jpg"), repeats_of("a.jpg")
    (60, 1)
    """
    subject = subject_of(photo)
    return 1 if subject is None else subject.repeats


def subjects_of(photos: Iterable[str]) -> set[tuple[str, str | None]]:
    """Return the trigger words in the folders' names, each with its class.

    >>> subjects_of(["60_dwjz/a.jpg", "20_dwjz/b.jpg", "c.jpg"])
    {('dwjz', None)}
    """
    found = (subject_of(photo) for photo in photos)
    return {(subject.trigger_word, subject.class_word) for subject in found if subject is not None}
