"""Stage 2, inspect_photos: a verdict for every photo, on CPU, before any GPU second is paid.

In     InspectPhotosInput   from accept_request
       PhotoToInspect       from the HTTP API, which waits: one photo, before its training
Out    PhotoInspection      to WhatToTrain; the PhotoReport is stored in the models bucket
       PhotoInspected       to the HTTP API; nothing is stored
Fails  TooFewPhotosError    final; the owner's notice lists the refused photos
       PhotosTooSlowError   final; likewise, when decoding the photos takes too long
       PhotosRefusedError   final; likewise, when the request demands that all photos pass
       PersonsMixedError    final; likewise, when the photos show several people
       ImportRefusedError   final; likewise, when the LoRA of an import cannot be read or served
       InvalidRequestError  final; a caption has a name of the operator's list
       PriceUnknownError    final; a dry run's max_cost_usd, and the operator gave no price
       ClassifierUnusableError  final; an operator's classifier of photos is missing or no ViT
       DecoderBrokenError   tried again: decoder, face finder or classifier did not start
"""

from contextlib import closing
from pathlib import Path

from aws import settings
from aws.jobs.table import DynamoJobs
from aws.parameters.bases import bases_from_env, names_from_env
from aws.parameters.classifiers import ClassifierSettings, ages_from_env, filter_from_env
from aws.storage import S3Storage
from aws.wiring import prices_from_env, thresholds_from_env
from contracts.documents.api.uploads import PhotoInspected, PhotoToInspect
from contracts.documents.stages import InspectPhotosInput, PhotoInspection
from contracts.shared.limits import MAX_CLASSIFYING_SECONDS, MAX_FACES_SECONDS
from domain.intake.content import ContentJudges, Judge
from domain.intake.inspection import InspectionServices, inspect_photos
from domain.intake.one_photo import OnePhotoServices, inspect_one_photo
from domain.intake.remembered_faces import RememberedFaces
from runtime.clock import now, time_until
from runtime.handlers import stage
from runtime.imaging.classifier import ChildClassifier
from runtime.imaging.faces import ChildFaceFinder
from runtime.imaging.sandbox import ChildDecoder

DECODING_SECONDS = 480
"""Seconds of the 600 s Lambda time-out in which a photo may be begun; the last needs the rest."""


ALONE = ChildFaceFinder()
"""Finds the faces of single photos: its networks stay loaded between them."""

CLASSIFIERS: dict[Path, ChildClassifier] = {}
"""The operator's classifiers by folder: their networks stay loaded between uploads."""


@stage
def lambda_handler(given: InspectPhotosInput | PhotoToInspect) -> PhotoInspection | PhotoInspected:
    if isinstance(given, PhotoToInspect):
        return inspect_alone(given)
    with closing(ChildFaceFinder()) as finder:
        return inspect_photos(given.job, services_with(finder), now())


def inspect_alone(asked: PhotoToInspect) -> PhotoInspected:
    """Return the verdict on one photo."""
    ALONE.close_after(MAX_FACES_SECONDS / 2)
    finder = RememberedFaces(ALONE)
    services = OnePhotoServices(
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        bases=bases_from_env(),
        decoder=ChildDecoder(),
        faces=finder if settings.text("FACE_CHECKS") == "people" else None,
        thresholds=thresholds_from_env(),
        judges=judges_with(finder),
    )
    return inspect_one_photo(asked, services)


def services_with(child: ChildFaceFinder) -> InspectionServices:
    """Return what the stage needs, from its environment."""
    finder = RememberedFaces(child)
    return InspectionServices(
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        models=S3Storage.from_env("MODELS_BUCKET"),
        bases=bases_from_env(),
        jobs=DynamoJobs.from_env(),
        decoder=ChildDecoder(),
        instance_type=settings.text("TRAINING_INSTANCE_TYPE"),
        has_time=time_until(DECODING_SECONDS),
        prices=prices_from_env(),
        faces=finder if settings.text("FACE_CHECKS") == "people" else None,
        thresholds=thresholds_from_env(),
        captioning_photos=settings.number("CAPTIONING_PHOTOS"),
        names=names_from_env(),
        judges=judges_with(finder),
    )


def judges_with(finder: RememberedFaces) -> ContentJudges:
    """Return the operator's classifiers; those of former settings end."""
    content, ages = filter_from_env(), ages_from_env()
    wanted = {one.folder for one in (content, ages) if one is not None}
    for folder in CLASSIFIERS.keys() - wanted:
        CLASSIFIERS.pop(folder).close()
    return ContentJudges(judge_of(content), judge_of(ages), finder)


def judge_of(found: ClassifierSettings | None) -> Judge | None:
    """Return a classifier with its rule; its child has processor seconds for an upload."""
    if found is None:
        return None
    child = CLASSIFIERS.setdefault(found.folder, ChildClassifier(found.folder))
    child.close_after(MAX_CLASSIFYING_SECONDS / 2)
    return Judge(child, found.labels, found.threshold)
