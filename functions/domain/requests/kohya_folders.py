"""What a folder's name says in kohya's way: ``60_dwjz cat`` is dwjz, a cat, 60 times an epoch."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from domain.requests.kohya_syntax import Subject, parse_folder

MOST_REPEATS = 1000
"""``2024_summer`` is a year."""


def subject_of(photo: str) -> Subject | None:
    """Return whom the photo's folder names; None for a folder of another kind.

    >>> subject_of("60_dwjz/a.jpg"), subject_of("2024_summer/a.jpg"), subject_of("a.jpg")
    (Subject(repeats=60, trigger_word='dwjz', class_word=None), None, None)
    """
    found = parse_folder(PurePosixPath(photo).parent.name)
    return found if found is not None and found.repeats <= MOST_REPEATS else None


def repeats_of(photo: str) -> int:
    """Return how often a photo comes in an epoch.

    >>> repeats_of("60_dwjz/a.jpg"), repeats_of("a.jpg")
    (60, 1)
    """
    subject = subject_of(photo)
    return 1 if subject is None else subject.repeats


def subjects_of(photos: Iterable[str]) -> set[tuple[str, str | None]]:
    """Return the trigger words that the folders name, each with its class.

    >>> subjects_of(["60_dwjz/a.jpg", "20_dwjz/b.jpg", "c.jpg"])
    {('dwjz', None)}
    """
    found = (subject_of(photo) for photo in photos)
    return {(subject.trigger_word, subject.class_word) for subject in found if subject is not None}
