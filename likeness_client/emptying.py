"""Buckets: how much is in one, and how it is emptied with all versions and unfinished uploads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

AT_ONCE = 1000
"""DeleteObjects takes no more keys, and a page of a listing holds no more."""

MAX_COUNTED = 20_000
"""A larger bucket is not counted to its end: that would take minutes, for a number that nobody
needs exactly."""


@dataclass(frozen=True)
class Content:
    """What a bucket holds."""

    versions: int
    """Files, their older versions and delete markers."""

    size: int
    """Bytes of all versions."""

    more: bool
    """Whether there is more than was counted."""

    def __str__(self) -> str:
        """Return the content in words.

        >>> str(Content(1200, 3_400_000_000, more=False)), str(Content(0, 0, more=False))
        ('1,200 versions of files, 3.4 GB', 'empty')
        """
        if not self.versions:
            return "empty"
        least = "more than " if self.more else ""
        return f"{least}{self.versions:,} versions of files, {self.size / 1e9:,.1f} GB"


def count(s3: Any, bucket: str) -> Content:  # noqa: ANN401 - a boto3 client
    """Count what is in a bucket, up to MAX_COUNTED versions."""
    versions = size = 0
    for page in pages(s3, bucket):
        versions += len(page)
        size += sum(entry.get("Size", 0) for entry in page)
        if versions >= MAX_COUNTED:
            return Content(versions, size, more=True)
    return Content(versions, size, more=False)


def empty(s3: Any, bucket: str) -> int:  # noqa: ANN401 - a boto3 client
    """Delete every version, delete marker and unfinished upload; return how many versions went.

    It can be repeated: what is gone already is no error.

    Raises:
        NotEmptiedError: S3 refuses to delete a version, for example one under an object lock.
    """
    deleted = 0
    for page in pages(s3, bucket):
        keys = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in page]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        if errors := answer.get("Errors"):
            raise NotEmptiedError(bucket, str(errors[0].get("Code", "")))
        deleted += len(keys)
    abort_uploads(s3, bucket)
    return deleted


class NotEmptiedError(Exception):
    """S3 does not delete a file."""

    def __init__(self, bucket: str, code: str) -> None:
        super().__init__(
            f"S3 does not delete every file of {bucket} ({code}): is a file under an object lock or"
            " a legal hold? Mend that, then run the command again"
        )


def pages(s3: Any, bucket: str) -> Iterator[list[dict[str, Any]]]:  # noqa: ANN401 - a boto3 client
    """Yield versions and delete markers, at most AT_ONCE in a list."""
    listing = s3.get_paginator("list_object_versions")
    for page in listing.paginate(Bucket=bucket, PaginationConfig={"PageSize": AT_ONCE}):
        if found := page.get("Versions", []) + page.get("DeleteMarkers", []):
            yield found


def abort_uploads(s3: Any, bucket: str) -> None:  # noqa: ANN401 - a boto3 client
    """Abort multipart uploads: their parts cannot be seen, and are paid for."""
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
