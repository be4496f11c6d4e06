"""Beside the states, expire_photos: delete the photos of trainings that succeeded a day ago.

In     nothing; a schedule calls it every hour
Out    nothing
Fails  nothing on purpose; the next hour finds what is left
"""

from aws.expiries import DynamoExpiries
from aws.jobs.table import DynamoJobs
from aws.versions import S3Versions
from domain.erasure.expiry import ExpiryServices, expire_photos
from runtime.clock import now
from runtime.handlers import listener


@listener
def lambda_handler() -> None:
    versions = S3Versions.from_env("UPLOADS_BUCKET")
    services = ExpiryServices(DynamoExpiries.from_env(), DynamoJobs.from_env(), versions)
    expire_photos(services, now())
