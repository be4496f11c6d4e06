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
       DecoderBrokenError   the workflow tries again: the decoder or the face finder did not start
"""

from contextlib import closing

from aws import settings
from aws.jobs.table import DynamoJobs
from aws.parameters.bases import bases_from_env, names_from_env
from aws.storage import S3Storage
from aws.wiring import prices_from_env, thresholds_from_env
from contracts.documents.api.uploads import PhotoInspected, PhotoToInspect
from contracts.documents.stages import InspectPhotosInput, PhotoInspection
from contracts.shared.limits import MAX_FACES_SECONDS
from domain.intake.inspection import InspectionServices, inspect_photos
from domain.intake.one_photo import OnePhotoServices, inspect_one_photo
from runtime.clock import now, time_until
from runtime.handlers import stage
from runtime.imaging.faces import ChildFaceFinder
from runtime.imaging.sandbox import ChildDecoder

DECODING_SECONDS = 480
"""Seconds of the 600 s Lambda time-out in which a photo may be begun; the last needs the rest."""


ALONE = ChildFaceFinder()
"""Finds the faces of single photos: its networks stay loaded between them."""


@stage
def lambda_handler(given: InspectPhotosInput | PhotoToInspect) -> PhotoInspection | PhotoInspected:
    if isinstance(given, PhotoToInspect):
        return inspect_alone(given)
    with closing(ChildFaceFinder()) as finder:
        return inspect_photos(given.job, services_with(finder), now())


def inspect_alone(asked: PhotoToInspect) -> PhotoInspected:
    """Return the verdict on one photo."""
    ALONE.close_after(MAX_FACES_SECONDS / 2)
    services = OnePhotoServices(
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        bases=bases_from_env(),
        decoder=ChildDecoder(),
        faces=ALONE if settings.text("FACE_CHECKS") == "people" else None,
        thresholds=thresholds_from_env(),
    )
    return inspect_one_photo(asked, services)


def services_with(finder: ChildFaceFinder) -> InspectionServices:
    """Return what the stage needs, from its environment."""
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
    )
