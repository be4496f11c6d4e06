"""Beside the states, expire_photos: delete photos a day after training, and unconsented models.

In     nothing; a schedule calls it every hour
Out    nothing
Fails  nothing on purpose; the next hour finds what is left
"""

from aws.erasure.eraser import LambdaEraser
from aws.erasure.expiries import DynamoConsentEnds, DynamoExpiries
from aws.erasure.versions import S3Versions
from aws.jobs.table import DynamoJobs
from domain.erasure.expiry import ExpiryServices, erase_unconsented, expire_photos
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
