"""Refuse photos by the operator's classifiers: the content filter, and the estimate of ages.

A photo that no classifier could judge is refused as well: otherwise a photo could pass the filter
without being seen. docs/content.md says what "sure" means.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from contracts.documents.photos import ContentScores, PhotoVerdict, StoredFile
from contracts.shared import layout
from contracts.shared.pictures.classifier import share_of
from contracts.shared.rejection import PhotoRejectedError
from domain.intake.faces import MAX_COPY_BYTES, refused
from domain.ports.classifier import Box, Classifier
from domain.ports.faces import FaceFinder, FoundFace
from domain.ports.storage import ObjectMissingError, Storage

FACE_MARGIN = 0.25
"""What is added to each side of a face before its age is estimated, in heights of the face."""


class Judge(NamedTuple):
    """A classifier and the operator's rule for it."""

    classifier: Classifier
    labels: tuple[str, ...]
    """The labels that refuse a photo."""
    threshold: float
    """Their probability from which on a photo is refused."""

    def scores(self, png: bytes, boxes: Sequence[Box] = ()) -> list[float]:
        """Return the labels' probability for each box, or for the whole photo.

        Raises:
            PhotoRejectedError: ``not_inspected``; a limit ended the classifier.
        """
        found = self.classifier.classify(png, boxes)
        if found is None:
            raise PhotoRejectedError("not_inspected")
        return [round(share_of(self.labels, one), 4) for one in found]


class ContentJudges(NamedTuple):
    """What a stack looks for; by default nothing."""

    filter: Judge | None = None
    ages: Judge | None = None
    finder: FaceFinder | None = None
    """Finds the faces whose ages are estimated."""


NO_JUDGES = ContentJudges()


class ContentServices(NamedTuple):
    """What judging the photos of an upload needs."""

    uploads: Storage
    judges: ContentJudges
    job_id: str
    has_time: Callable[[], bool] = lambda: True

    @property
    def asks(self) -> bool:
        """Whether the stack has a classifier."""
        return self.judges.filter is not None or self.judges.ages is not None


def check_content(
    photos: Sequence[PhotoVerdict], services: ContentServices
) -> tuple[PhotoVerdict, ...]:
    """Return the verdicts with scores; photos that are refused already stay as they are.

    Raises:
        DecoderBrokenError: a classifier or the face finder does not start.
    """
    if not services.asks:
        return tuple(photos)
    return tuple(
        photo if photo.verdict == "refused" else judged_copy(photo, services) for photo in photos
    )


def passing(files: Iterable[StoredFile], services: ContentServices) -> tuple[StoredFile, ...]:
    """Return the pictures of the class that no classifier refuses."""
    if not services.asks:
        return tuple(files)
    unjudged = PhotoVerdict(index=0, verdict="accepted")
    return tuple(
        file
        for file in files
        if judged_copy(
            unjudged.model_copy(update={"file": file.file}), services
        ).verdict != "refused"
    )  # fmt: skip


def judged_copy(photo: PhotoVerdict, services: ContentServices) -> PhotoVerdict:
    """Return the verdict on a photo whose normalised copy is stored."""
    if not services.has_time():
        return refused(photo, "not_inspected")
    key = layout.uploads.accepted_prefix(services.job_id) + str(photo.file)
    try:
        png = services.uploads.read(key, MAX_COPY_BYTES)
    except ObjectMissingError:
        return refused(photo, "photo_missing")
    return judged(photo, png, services.judges)


def judged(photo: PhotoVerdict, png: bytes, judges: ContentJudges) -> PhotoVerdict:
    """Return the verdict on a photo with its scores, refused where a rule says so.

    After a refusal by the filter no age is estimated.
    """
    if judges.filter is None and judges.ages is None:
        return photo
    scores = ContentScores()
    try:
        if judges.filter is not None:
            (share,) = judges.filter.scores(png)
            scores = ContentScores(refused=share)
            if share >= judges.filter.threshold:
                return refused(with_scores(photo, scores), "photo_not_allowed")
        if judges.ages is not None and (boxes := face_boxes(png, judges.finder)):
            share = max(judges.ages.scores(png, boxes))
            scores = scores.model_copy(update={"under_18": share})
            if share >= judges.ages.threshold:
                return refused(with_scores(photo, scores), "photo_of_minor")
    except PhotoRejectedError as error:
        return refused(with_scores(photo, scores), error.code)
    return with_scores(photo, scores)


def face_boxes(png: bytes, finder: FaceFinder | None) -> list[Box]:
    """Return the box of each face, a little larger than the face.

    Raises:
        PhotoRejectedError: ``not_inspected``; a limit ended the search.
    """
    faces = None if finder is None else finder.find(png)
    if faces is None:
        raise PhotoRejectedError("not_inspected")
    return [around(face) for face in faces]


def around(face: FoundFace) -> Box:
    """Return the box of a face with a margin on each side."""
    left, top, right, bottom = face.box
    margin = FACE_MARGIN * (bottom - top)
    return left - margin, top - margin, right + margin, bottom + margin


def with_scores(photo: PhotoVerdict, scores: ContentScores) -> PhotoVerdict:
    """Return a verdict with scores."""
    return photo.model_copy(update={"content": scores})
