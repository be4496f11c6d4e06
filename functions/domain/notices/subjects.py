"""Which of several subjects a failure is about; a notice names it by its trigger word."""

from collections import Counter
from collections.abc import Sequence

from contracts.documents.photos import PhotoVerdict
from contracts.documents.training import SubjectScores
from contracts.documents.upload.subject import Subject
from contracts.shared.limits import MIN_PHOTOS

OF_PHOTOS = frozenset({"too_few_photos", "photos_too_slow"})
"""Codes of failures for which the photos of each subject are counted."""


def fault_text(
    code: str,
    subjects: Sequence[Subject],
    photos: Sequence[PhotoVerdict],
    scores: Sequence[SubjectScores],
) -> str:
    """Return which subjects a failure is about; empty for one subject, or when nobody can tell.

    >>> def subject(word: str) -> Subject:
    ...     return Subject(trigger_word=word, instance_prompt="a photo of TOK", class_prompt="a")
    >>> few = [PhotoVerdict(index=0, verdict="accepted", subject=1)]
    >>> fault_text("too_few_photos", [subject("zwx"), subject("rex")], few, ())
    'Photos that can be used: of zwx 0, of rex 1.'
    >>> dog = SubjectScores(trigger_word="rex", passed=False, codes=("gate_not_alike",), effect=0.2)
    >>> fault_text("gate_not_alike", [subject("zwx"), subject("rex")], (), [dog])
    'It is about: rex.'
    """
    if not subjects:
        return ""
    if code in OF_PHOTOS:
        return few_text(subjects, photos)
    words = [one.trigger_word for one in scores if code in one.codes]
    return f"It is about: {', '.join(words)}." if words else ""


def few_text(subjects: Sequence[Subject], photos: Sequence[PhotoVerdict]) -> str:
    """Return how many photos can be used of each subject that has too few; empty if none has."""
    good = Counter(photo.subject for photo in photos if photo.verdict != "refused")
    counts = [
        f"of {subject.trigger_word} {good[number]}"
        for number, subject in enumerate(subjects)
        if good[number] < MIN_PHOTOS
    ]
    return f"Photos that can be used: {', '.join(counts)}." if counts else ""
