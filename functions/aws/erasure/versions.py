"""One S3 bucket with all versions: implements domain.ports.erasure.VersionedBucket."""

from collections.abc import Iterator
from typing import Any, Literal

from aws import settings
from aws.clients import client
from domain.ports.erasure import Held


class NotDeletedError(Exception):
    """S3 keeps a version, for example under an object lock or a legal hold."""


class S3Versions:
    """One bucket."""

    def __init__(self, bucket: str, s3: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._bucket = bucket
        self._s3 = s3

    @classmethod
    def from_env(cls, variable: Literal["UPLOADS_BUCKET", "MODELS_BUCKET"]) -> "S3Versions":
        """Open the bucket that this variable names."""
        return cls(settings.text(variable), client("s3"))

    def held(self, prefix: str) -> Held:
        """Count what is under the prefix."""
        versions = sum(len(page) for page in self._pages(prefix))
        return Held(versions, sum(1 for _ in self._unfinished(prefix)))

    def purge(self, prefix: str) -> None:
        """Delete every version and marker under the prefix, and abort unfinished uploads."""
        for page in self._pages(prefix):
            self._delete(page)
        for upload in self._unfinished(prefix):
            self._s3.abort_multipart_upload(
                Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            )

    def purge_older(self, key: str) -> None:
        """Delete every version of the key but the present one."""
        for page in self._pages(key):
            old = [one for one in page if one["Key"] == key and not one["IsLatest"]]
            if old:
                self._delete(old)

    def keys(self, prefix: str) -> list[str]:
        """Return each key under the prefix once, those included that only have old versions."""
        return list(dict.fromkeys(one["Key"] for page in self._pages(prefix) for one in page))

    def _pages(self, prefix: str) -> Iterator[list[dict[str, Any]]]:
        """Yield versions and delete markers, at most a thousand in a list."""
        listing = self._s3.get_paginator("list_object_versions")
        for page in listing.paginate(Bucket=self._bucket, Prefix=prefix):
            if found := page.get("Versions", []) + page.get("DeleteMarkers", []):
                yield found

    def _unfinished(self, prefix: str) -> Iterator[dict[str, Any]]:
        listing = self._s3.get_paginator("list_multipart_uploads")
        for page in listing.paginate(Bucket=self._bucket, Prefix=prefix):
            yield from page.get("Uploads", [])

    def _delete(self, versions: list[dict[str, Any]]) -> None:
        """Delete these versions.

        Raises:
            NotDeletedError: S3 refuses one of them.
        """
        keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
        answer = self._s3.delete_objects(
            Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True}
        )
        if errors := answer.get("Errors"):
            raise NotDeletedError(str(errors[0].get("Code", "")))
