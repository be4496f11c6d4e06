"""Folder names in kohya's form: ``60_dwjz cat`` means dwjz, a cat, 60 times per epoch."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from contracts.shared.limits import MAX_REPEATS
from contracts.shared.suffixes import ARCHIVE_SUFFIXES, has_suffix, without_suffix
from domain.requests.kohya.syntax import Subject, parse_folder


def subject_of(photo: str) -> Subject | None:
    """Return the subject that the photo's folder names; None for another folder name.

    An archive is a folder, too, if its name also has a class: ``20_ohwx man.zip``, but not
    ``10_photos.zip``.

    >>> subject_of("60_dwjz/a.jpg"), subject_of("2024_summer/a.jpg"), subject_of("a.jpg")
    (Subject(repeats=60, trigger_word='dwjz', class_word=None), None, None)
    """
    found = parse_folder(folder_of(photo))
    if found is None or found.repeats > MAX_REPEATS:
        return None
    is_archive = has_suffix(PurePosixPath(photo).parent.name, ARCHIVE_SUFFIXES)
    return None if is_archive and found.class_word is None else found


def folder_of(photo: str) -> str:
    """Return the name of the folder, or of the archive, in which a photo is.

    >>> folder_of("set/20_ohwx man/a.jpg"), folder_of("20_ohwx man.ZIP/a.jpg"), folder_of("a.jpg")
    ('20_ohwx man', '20_ohwx man', '')
    """
    return without_suffix(PurePosixPath(photo).parent.name, ARCHIVE_SUFFIXES)


def repeats_of(photo: str) -> int:
    """Return the number of times that a photo comes in an epoch.

    >>> repeats_of("60_dwjz/a.jpg"), repeats_of("a.jpg")
    (60, 1)
    """
    subject = subject_of(photo)
    return 1 if subject is None else subject.repeats


def subjects_of(photos: Iterable[str]) -> set[tuple[str, str | None]]:
    """Return the trigger words in the folders' names, each with its class.

    Folders with the same word, in whatever case, show one subject. Its class is the shortest of
    theirs, since the others only say more of the pictures: ``3_ohwx woman_crop``.

    >>> subjects_of(["60_dwjz/a.jpg", "20_dwjz/b.jpg", "c.jpg"])
    {('dwjz', None)}
    >>> subjects_of(["10_ohwx woman/a.jpg", "3_Ohwx woman_crop/b.jpg", "2_ohwx/c.jpg"])
    {('ohwx', 'woman')}
    """
    found = (subject_of(photo) for photo in photos)
    named: dict[str, set[tuple[str, str | None]]] = {}
    for one in found:
        if one is not None:
            key = one.trigger_word.casefold()
            named.setdefault(key, set()).add((one.trigger_word, one.class_word))
    return {subject for same in named.values() for subject in _joined(same)}


def _joined(same: set[tuple[str, str | None]]) -> set[tuple[str, str | None]]:
    """Return one subject for folders of one trigger word, or all where their classes contradict."""
    word = max(word for word, _ in same)  # a small letter counts before a capital
    classes = {kind.casefold() for _, kind in same if kind is not None}
    shortest = min(classes, key=len, default=None)
    if shortest is not None and any(f" {shortest} " not in f" {kind} " for kind in classes):
        return same
    kinds = [kind for _, kind in same if kind is not None and kind.casefold() == shortest]
    return {(word, max(kinds, default=None))}
