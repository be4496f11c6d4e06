"""Stage 2, inspect_photos: a verdict for every photo, on CPU, before any GPU second is paid.

In     InspectPhotosInput   from accept_request
Out    PhotoSummary         to train_adapter; the PhotoReport lies in the models bucket
Fails  TooFewPhotosError    final; the owner is told what is wrong with which photo
       PhotosRefusedError   final; likewise, when the request says that all photos must pass
"""

from aws import settings
from aws.bases import bases_from_env
from aws.jobs.table import DynamoJobs
from aws.storage import S3Storage
from contracts.documents.photos import PhotoSummary
from contracts.documents.stages import InspectPhotosInput
from domain.intake.inspection import Inspection, inspect_photos
from runtime.clock import now
from runtime.handlers import stage
from runtime.imaging.sandbox import ChildDecoder


@stage
def lambda_handler(given: InspectPhotosInput) -> PhotoSummary:
    inspection = Inspection(
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        models=S3Storage.from_env("MODELS_BUCKET"),
        bases=bases_from_env(),
        jobs=DynamoJobs.from_env(),
        decoder=ChildDecoder(),
        instance_type=settings.text("TRAINING_INSTANCE_TYPE"),
    )
    return inspect_photos(given.job, inspection, now())
