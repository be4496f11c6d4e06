"""Verdicts on the faces of an upload: one clear face on each photo, and one person on all."""

from collections.abc import Callable, Mapping, Sequence
from math import dist
from typing import NamedTuple

from contracts.base import BaseCard
from contracts.documents.photos import FaceMetrics, PhotoVerdict
from contracts.documents.upload.request import TrainingRequest
from contracts.shared import layout
from contracts.shared.limits import MAX_FACES_SECONDS, MIN_PHOTOS
from contracts.shared.people import faces as rules
from contracts.shared.people.thresholds import DEFAULTS, IntakeThresholds
from domain.intake.normalisation import MAX_PHOTO_BYTES
from domain.ports.faces import FaceFinder, FoundFace
from domain.ports.storage import ObjectMissingError, Storage

MAX_COPY_BYTES = 4 * MAX_PHOTO_BYTES
"""Largest normalised copy that is read again: a PNG of 2048 x 2048 pixels has 13 MB at most."""


class FaceServices(NamedTuple):
    """What looking for faces needs."""

    uploads: Storage
    finder: FaceFinder
    job_id: str
    has_time: Callable[[], bool] = lambda: True
    thresholds: IntakeThresholds = DEFAULTS


class CheckedFaces(NamedTuple):
    """The verdicts after the search for faces, and the codes of the set."""

    photos: tuple[PhotoVerdict, ...]
    codes: tuple[str, ...] = ()
    people: int = 1
    """Number of people who are on the photos; 1 when one of them is on most photos."""


def looks_for_faces(request: TrainingRequest, card: BaseCard) -> bool:
    """Return whether photos of this request are checked for real faces at intake.

    A base of drawn people has a detector of its own, which only the trainer runs: no detector of
    real faces finds its portraits.
    """
    if request.face_checks is not None:
        return request.face_checks == "photos"
    return rules.needs_face(request) and card.face_detector not in {"drawn", "none"}


def check_faces(photos: Sequence[PhotoVerdict], services: FaceServices) -> CheckedFaces:
    """Return the verdicts with those on faces; photos that are refused already stay as they are.

    Raises:
        DecoderBrokenError: the finder does not start.
    """
    limits = services.thresholds
    found: dict[int, tuple[FoundFace, ...]] = {}
    usable = [photo for photo in photos if photo.verdict != "refused"]
    for photo in usable:
        if not services.has_time() or services.finder.seconds > MAX_FACES_SECONDS:
            break
        faces = faces_on(photo, services)
        if faces is not None:
            found[photo.index] = faces
    judged = [
        on_faces(photo, found[photo.index], limits) if photo.index in found else photo
        for photo in photos
    ]
    people = people_on(judged, found, limits.max_person_distance)
    verdicts = tuple(on_person(photo, people.get(photo.index)) for photo in judged)
    unseen = () if len(found) == len(usable) else ("faces_not_checked",)
    codes = (*unseen, *advice_on_variety(verdicts, found, limits))
    return CheckedFaces(verdicts, codes, 1 if has_majority(people) else len({*people.values()}))


def faces_on(photo: PhotoVerdict, services: FaceServices) -> tuple[FoundFace, ...] | None:
    """Return the faces on a photo's normalised copy; None if they could not be looked for."""
    key = layout.uploads.accepted_prefix(services.job_id) + str(photo.file)
    try:
        png = services.uploads.read(key, MAX_COPY_BYTES)
    except ObjectMissingError:
        return None
    return services.finder.find(png)


def on_faces(
    photo: PhotoVerdict, faces: Sequence[FoundFace], limits: IntakeThresholds = DEFAULTS
) -> PhotoVerdict:
    """Return the verdict on a photo with these faces, the largest first."""
    if not faces:
        return refused(photo, "no_face")
    largest, *others = faces
    if any(other.height >= limits.ambiguous_face_ratio * largest.height for other in others):
        return refused(photo, "ambiguous_faces")
    if largest.clarity < limits.min_face_clarity:
        return refused(photo, "face_too_unclear")
    advice = {
        "other_faces": bool(others),
        "face_small": largest.share < limits.min_face_share,
        "face_unclear": largest.clarity < limits.clear_face,
        "face_turned": is_turned(largest, limits),
        "eyes_hidden": has_hidden_eyes(largest, limits),
    }
    codes = tuple(code for code, applies in advice.items() if applies)
    metrics = FaceMetrics(share=largest.share, clarity=largest.clarity, score=largest.score)
    return photo.model_copy(update={"codes": (*photo.codes, *codes), "face": metrics})


def is_turned(face: FoundFace, limits: IntakeThresholds) -> bool:
    """Return whether a face is seen from the side."""
    return not face.upright or abs(face.turn) > limits.max_face_turn


def has_hidden_eyes(face: FoundFace, limits: IntakeThresholds) -> bool:
    """Return whether both eyes of a face from the front are closed or covered.

    The landmarks of a face from the side lie beside its eyes, and a blurred one has no iris.
    """
    seen = not is_turned(face, limits) and face.clarity >= limits.clear_face
    return seen and face.iris_contrast < limits.min_iris_contrast


def advice_on_variety(
    photos: Sequence[PhotoVerdict],
    found: Mapping[int, tuple[FoundFace, ...]],
    limits: IntakeThresholds,
) -> tuple[str, ...]:
    """Return the codes of advice on the faces as a set.

    Copies, crops and mirror images of another photo are left out: they add no view. With fewer than
    MIN_PHOTOS others, ``little_variety`` says already what is missing.
    """
    faces = [
        found[photo.index][0]
        for photo in photos
        if photo.face is not None and "similar_photo" not in photo.codes
    ]
    if len(faces) < MIN_PHOTOS:
        return ()
    turns, shares = [face.turn for face in faces], [face.share for face in faces]
    advice = {
        "same_angle": not any(is_turned(face, limits) for face in faces)
        and max(turns) - min(turns) < rules.SAME_ANGLE_SPREAD,
        "same_distance": max(shares) < rules.SAME_SIZE_RATIO * min(shares),
    }
    return tuple(code for code, applies in advice.items() if applies)


def refused(photo: PhotoVerdict, code: str) -> PhotoVerdict:
    """Return the refusal of a photo that was good until its pixels were looked at."""
    kept = photo.model_dump(include={"index", "subject", "content"})
    return PhotoVerdict(**kept, verdict="refused", codes=(code,))


def people_on(
    photos: Sequence[PhotoVerdict],
    found: Mapping[int, tuple[FoundFace, ...]],
    most: float = DEFAULTS.max_person_distance,
) -> dict[int, int]:
    """Return the person on each photo whose face can be compared; 1 is on the most photos.

    A face from the side is not compared: its embedding lies too far from those of the front.
    """
    faces = {
        photo.index: found[photo.index][0]
        for photo in photos
        if photo.verdict != "refused" and found.get(photo.index)
    }
    compared = {index: face.embedding for index, face in faces.items() if face.upright}
    groups = groups_of(list(compared.values()), most)
    return dict(zip(compared, groups, strict=True))


def groups_of(
    points: Sequence[tuple[float, ...]], most: float = DEFAULTS.max_person_distance
) -> list[int]:
    """Return each point's group, from 1 for the largest; of equal groups the earlier one is first.

    The two nearest groups are joined as long as the mean distance of their members is not above
    ``most``.

    >>> groups_of([(0.0,), (2.0,), (2.1,), (0.5,), (2.2,)])
    [2, 1, 1, 2, 1]
    """
    between = [[dist(one, other) for other in points] for one in points]
    groups = [[place] for place in range(len(points))]
    while len(groups) > 1:
        apart, first, second = min(
            (mean_distance(groups[i], groups[j], between), i, j)
            for j in range(len(groups))
            for i in range(j)
        )
        if apart > most:
            break
        groups[first] += groups.pop(second)
    groups.sort(key=lambda group: (-len(group), min(group)))
    number = {place: rank for rank, group in enumerate(groups, 1) for place in group}
    return [number[place] for place in range(len(points))]


def mean_distance(
    one: Sequence[int], other: Sequence[int], between: Sequence[Sequence[float]]
) -> float:
    """Return the mean distance of the members of two groups."""
    return sum(between[i][j] for i in one for j in other) / (len(one) * len(other))


def has_majority(people: Mapping[int, int]) -> bool:
    """Return whether one person is on more than half of the photos whose faces are compared."""
    first = sum(person == 1 for person in people.values())
    return not people or 2 * first > len(people)


def on_person(photo: PhotoVerdict, person: int | None) -> PhotoVerdict:
    """Return a photo's verdict, refused when it shows another person than most photos."""
    return photo if person in {None, 1} else refused(photo, "other_person")
