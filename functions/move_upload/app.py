"""Beside the states, move_upload: a file at the bucket's root goes to the tenant of its folder.

In     FileStored     from EventBridge, for each object of the uploads bucket outside of our folders
Out    nothing        the file is under tenants/<tenant>/uploads/<folder>/, and nowhere else
Fails  anything       Lambda tries again, and the dead-letter queue keeps the event in the end
"""

from aws.erasure.versions import S3Versions
from aws.parameters.root_folders import root_folders_from_env
from aws.storage import S3Storage
from contracts.documents.stages import FileStored
from domain.intake.root_folders import RootBucket, move
from runtime.handlers import listener


@listener
def lambda_handler(event: FileStored) -> None:
    stored = event.detail.object
    bucket = RootBucket(S3Storage.from_env("UPLOADS_BUCKET"), S3Versions.from_env("UPLOADS_BUCKET"))
    move(stored.key, stored.version_id, bucket, root_folders_from_env())
