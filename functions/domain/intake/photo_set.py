"""The photos of an upload as a set: whether enough are good, and what its owner is advised."""

from collections.abc import Iterable, Sequence

from contracts.documents.job import PinnedPhoto
from contracts.documents.photos import PhotoReport, PhotoSummary, PhotoVerdict
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import PhotosRefusedError, PhotosTooSlowError, TooFewPhotosError
from contracts.shared.limits import ADVISED_PHOTOS, MIN_PHOTOS
from contracts.shared.words.prompts import names_subject
from domain.intake.captions import is_list

MAX_NOTES = 2
"""Number of text files in an upload that may be notes, and no captions."""

TOO_SLOW = {"too_complex", "not_inspected"}
"""Codes of photos that were refused for their decoding time or memory."""


def summarise(report: PhotoReport, *, all_must_pass: bool) -> PhotoSummary:
    """Count the verdicts.

    Raises:
        TooFewPhotosError: fewer than MIN_PHOTOS are good; of several subjects, of one of them.
        PhotosTooSlowError: likewise, but enough would be without the time that decoding takes.
        PhotosRefusedError: a photo is refused, and all must pass.
    """
    for subject in sorted({photo.subject for photo in report.photos}) or [0]:
        require_enough([photo for photo in report.photos if photo.subject == subject])
    good = sum(photo.verdict != "refused" for photo in report.photos)
    refused = len(report.photos) - good
    if all_must_pass and refused:
        raise PhotosRefusedError(refused=refused)
    return PhotoSummary(job_id=report.job_id, accepted=good, refused=refused)


def require_enough(photos: Sequence[PhotoVerdict]) -> None:
    """Check that enough photos of one subject are good.

    Raises:
        TooFewPhotosError, PhotosTooSlowError: as ``summarise``.
    """
    good = sum(photo.verdict != "refused" for photo in photos)
    slow = sum(bool(TOO_SLOW & set(photo.codes)) for photo in photos)
    if good < MIN_PHOTOS <= good + slow:
        raise PhotosTooSlowError(found=good, needed=MIN_PHOTOS)
    if good < MIN_PHOTOS:
        raise TooFewPhotosError(found=good, needed=MIN_PHOTOS)


def advice_on_set(photos: Iterable[PhotoVerdict]) -> tuple[str, ...]:
    """Return the codes of advice on the photos as a set."""
    good = [photo for photo in photos if photo.verdict != "refused"]
    moments = sum("similar_photo" not in photo.codes for photo in good)
    advice = {
        "few_photos": MIN_PHOTOS <= len(good) < ADVISED_PHOTOS,
        "little_variety": moments < MIN_PHOTOS <= len(good),
    }
    return tuple(code for code, applies in advice.items() if applies)


def advice_on_captions(photos: Iterable[PhotoVerdict], trigger_word: str) -> tuple[str, ...]:
    """Return the codes of advice on the captions as a set."""
    captions = [photo.caption for photo in photos if photo.caption is not None]
    named = any(names_subject(caption, trigger_word) for caption in captions)
    return ("captions_without_subject",) if captions and not named else ()


def advice_on_samples(request: TrainingRequest) -> tuple[str, ...]:
    """Return the code for sample prompts whose pictures would not show the subject.

    With several subjects, a prompt that names none of them is refused.
    """
    word = request.trigger_word
    stray = not all(names_subject(prompt, word) for prompt in request.sample_prompts)
    return ("samples_without_subject",) if stray and not request.subjects else ()


def advice_on_texts(
    pins: Sequence[PinnedPhoto], photos: Iterable[PhotoVerdict], unused_texts: int
) -> tuple[str, ...]:
    """Return the code for words that were meant as captions and are no photo's.

    Args:
        pins: the photos with their captions.
        photos: their verdicts.
        unused_texts: text files that are beside no photo of their name; a few may be notes.
    """
    words = [pin.caption.name or pin.caption.key for pin in pins if pin.caption is not None]
    read = [photo for photo in photos if photo.caption or "caption_ignored" in photo.codes]
    of_nobody = any(map(is_list, words)) and not read
    many = unused_texts > max(MAX_NOTES, len(words))
    return ("captions_unmatched",) if of_nobody or many else ()
