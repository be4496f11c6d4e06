"""The verdict on one photo before its training, by InspectPhotos' rules; nothing is stored."""

from dataclasses import dataclass

from contracts.base import BaseCard
from contracts.codes import CODES
from contracts.documents.api.uploads import PhotoInspected, PhotoToInspect
from contracts.documents.photos import PhotoVerdict
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.people.thresholds import DEFAULTS, IntakeThresholds
from contracts.shared.rejection import PhotoRejectedError
from domain.intake.content import NO_JUDGES, ContentJudges, judged
from domain.intake.faces import looks_for_faces, on_faces, on_person, people_on
from domain.intake.normalisation import MAX_PHOTO_BYTES, limits_for, refuse_poor
from domain.intake.photo_quality import ADVICE, advice_on
from domain.ports.bases import Bases
from domain.ports.decoder import DecodedPhoto, DecodeLimits, Decoder
from domain.ports.faces import FaceFinder, FoundFace
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage
from domain.requests.presets import PRESETS

Faces = tuple[FoundFace, ...]

COMPARED_SIDE = 1024
"""Longer side in pixels of the photo that this one is compared with: only its face counts."""

FACE_ADVICE = {
    *("other_faces", "face_small", "face_unclear", "face_turned", "eyes_hidden"),
    "faces_not_checked",
}


@dataclass(frozen=True)
class OnePhotoServices:
    """What judging one photo needs."""

    uploads: Storage
    bases: Bases
    decoder: Decoder
    faces: FaceFinder | None = None
    """None where the stack looks for no faces at intake."""
    thresholds: IntakeThresholds = DEFAULTS
    judges: ContentJudges = NO_JUDGES
    """The operator's classifiers of photos."""


def inspect_one_photo(asked: PhotoToInspect, services: OnePhotoServices) -> PhotoInspected:
    """Return the verdict on a photo at the base's resolution.

    Raises:
        DecoderBrokenError: the decoder, the face finder or a classifier does not start.
    """
    card = services.bases.card(services.bases.base_id)
    limits = limits_for(card.resolution)
    finder = services.faces if wants_faces(asked, card) else None
    if finder is not None:
        finder.begin()  # while the photo is decoded
    try:
        photo = read_photo(asked.key, services, limits)
        refuse_poor(photo, services.thresholds)
    except PhotoRejectedError as error:
        return answer(PhotoVerdict(index=asked.number, verdict="refused", codes=(error.code,)))
    verdict = judged(plain_verdict(asked.number, photo), photo.png, services.judges)
    if verdict.verdict == "refused":
        return answer(verdict)
    faces = () if finder is None else finder.find(photo.png)
    if finder is not None:
        verdict = with_faces(verdict, faces, services.thresholds)
    if verdict.verdict == "refused":
        return answer(verdict)
    other = compared(asked, services, limits)
    verdict = with_advice(verdict, photo, other, services.thresholds)
    if finder is None or other is None or not faces or not faces[0].upright:
        return answer(verdict)  # as at intake, a face from the side is not compared
    return answer(with_person(verdict, faces, finder.find(other.png), services.thresholds))


def plain_verdict(number: int, photo: DecodedPhoto) -> PhotoVerdict:
    """Return the verdict on a photo that was decoded."""
    return PhotoVerdict(
        index=number,
        verdict="repaired" if photo.codes else "accepted",
        codes=photo.codes,
        width=photo.width,
        height=photo.height,
    )


def with_faces(
    verdict: PhotoVerdict, faces: Faces | None, thresholds: IntakeThresholds
) -> PhotoVerdict:
    """Return the verdict with the codes of the faces; None: a limit has ended the search."""
    if faces is not None:
        return on_faces(verdict, faces, thresholds)
    return verdict.model_copy(update={"codes": (*verdict.codes, "faces_not_checked")})


def with_advice(
    verdict: PhotoVerdict,
    photo: DecodedPhoto,
    other: DecodedPhoto | None,
    thresholds: IntakeThresholds,
) -> PhotoVerdict:
    """Return the verdict with advice on light, sharpness, and a photo like the other one."""
    others = [] if other is None else [other.metrics]
    advice = advice_on(photo.metrics, others, thresholds)
    return verdict.model_copy(update={"codes": (*verdict.codes, *advice)})


def with_person(
    verdict: PhotoVerdict, faces: Faces, others: Faces | None, thresholds: IntakeThresholds
) -> PhotoVerdict:
    """Return the verdict, refused where the face is another person's than on the other photo."""
    faces_of = {0: others or (), 1: faces}
    photos = [PhotoVerdict(index=place, verdict="accepted") for place in faces_of]
    people = people_on(photos, faces_of, thresholds.max_person_distance)
    return on_person(verdict, people[1])


def read_photo(key: str, services: OnePhotoServices, limits: DecodeLimits) -> DecodedPhoto:
    """Return a stored photo, normalised.

    Raises:
        PhotoRejectedError: it is gone, has too many bytes, or cannot be decoded.
    """
    try:
        body = services.uploads.read(key, MAX_PHOTO_BYTES)
    except ObjectMissingError:
        raise PhotoRejectedError("photo_missing") from None
    except ObjectTooLargeError:
        raise PhotoRejectedError("too_many_bytes") from None
    return services.decoder.decode(body, limits)


def wants_faces(asked: PhotoToInspect, card: BaseCard) -> bool:
    """Return whether faces are looked for: as in a training with this preset."""
    fields = {**PRESETS[asked.preset], "face_checks": asked.face_checks}
    return looks_for_faces(TrainingRequest.model_validate(fields), card)


def compared(
    asked: PhotoToInspect, services: OnePhotoServices, limits: DecodeLimits
) -> DecodedPhoto | None:
    """Return the photo to compare with, small; None where there is none that can be used."""
    if asked.compared is None:
        return None
    small = limits._replace(max_side=max(COMPARED_SIDE, limits.min_side))
    try:
        return read_photo(asked.compared, services, small)
    except PhotoRejectedError:
        return None


def answer(verdict: PhotoVerdict) -> PhotoInspected:
    """Return a verdict as callers get it, with what to do for each code of advice."""
    hinted = verdict.codes if verdict.verdict == "refused" else ADVICE | FACE_ADVICE
    return PhotoInspected(
        number=verdict.index,
        verdict=verdict.verdict,
        codes=verdict.codes,
        advice=tuple(CODES[code].hint for code in verdict.codes if code in hinted),
        width=verdict.width,
        height=verdict.height,
    )
