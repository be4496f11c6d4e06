"""Beside the states, expire_photos: delete photos a day after training, and models in their time.

Models go when their consent has ended, and when nobody has used them for a year.

In     nothing; a schedule calls it every hour
Out    nothing
Fails  nothing on purpose; the next hour finds what is left
"""

from datetime import timedelta

from aws import settings
from aws.erasure.eraser import LambdaEraser
from aws.erasure.expiries import DynamoConsentEnds, DynamoExpiries, DynamoUnusedModels
from aws.erasure.versions import S3Versions
from aws.jobs.table import DynamoJobs
from aws.notifier import SnsNotifier
from aws.storage import S3Storage
from domain.erasure.expiry import ExpiryServices, erase_unconsented, expire_photos
from domain.erasure.unused import UnusedServices, end_unused
from runtime.clock import now
from runtime.handlers import listener


@listener
def lambda_handler() -> None:
    versions = S3Versions.from_env("UPLOADS_BUCKET")
    services = ExpiryServices(
        expiries=DynamoExpiries.from_env(),
        jobs=DynamoJobs.from_env(),
        uploads_versions=versions,
        consent_ends=DynamoConsentEnds.from_env(),
        eraser=LambdaEraser.from_env(),
    )
    expire_photos(services, now())
    erase_unconsented(services, now())
    unused = UnusedServices(
        rows=DynamoUnusedModels.from_env(),
        jobs=services.jobs,
        models=S3Storage.from_env("MODELS_BUCKET"),
        notifier=SnsNotifier.from_env(),
        eraser=services.eraser,
    )
    end_unused(unused, timedelta(days=settings.number("UNUSED_MODEL_DAYS")), now())
