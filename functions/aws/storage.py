"""One S3 bucket: implements domain.ports.storage.Storage and VersionKeys."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from botocore.exceptions import ClientError

from aws import settings
from aws.clients import client
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, StoredObject

_MISSING = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}


class S3Storage:
    """One bucket."""

    def __init__(self, bucket: str, s3: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._bucket = bucket
        self._s3 = s3

    @classmethod
    def from_env(
        cls, variable: Literal["UPLOADS_BUCKET", "MODELS_BUCKET", "BASES_BUCKET"]
    ) -> "S3Storage":
        """Open the bucket that this variable names."""
        return cls(settings.text(variable), client("s3"))

    def uri(self, key: str) -> str:
        """Return ``s3://bucket/key``."""
        return f"s3://{self._bucket}/{key}"

    def list(self, prefix: str, limit: int) -> "list[StoredObject]":
        """Return the objects under the prefix in key order, at most ``limit`` of them."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=prefix,
            PaginationConfig={"MaxItems": limit, "PageSize": min(limit, 1000)},
        )
        return [
            StoredObject(
                item["Key"], item["ETag"].strip('"'), item["Size"], modified=item["LastModified"]
            )
            for page in pages
            for item in page.get("Contents", [])
        ]

    def head(self, key: str) -> StoredObject | None:
        """Return the object's present version; None when the object is missing."""
        try:
            answer = self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return StoredObject(
            key, answer["ETag"].strip('"'), answer["ContentLength"], _version(answer)
        )

    def key_of(self, prefix: str, version_id: str | None, etag: str | None) -> str | None:
        """Return the key that has, or had, a version; see the Protocol."""
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        versions = (one for page in pages for one in page.get("Versions", []))
        found = (
            one["Key"]
            for one in versions
            if (one["VersionId"] == version_id if version_id else one["ETag"].strip('"') == etag)
        )
        return next(found, None)

    def heads(self, keys: Sequence[str]) -> tuple[StoredObject, ...]:
        """Return ``head`` of each object, with several requests at a time."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            return tuple(found for found in pool.map(self.head, keys) if found is not None)

    def read(self, key: str, limit: int, version_id: str | None = None) -> bytes:
        """Return the object's bytes; see the Protocol for what it raises."""
        version = {} if version_id is None else {"VersionId": version_id}
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key, **version)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise ObjectMissingError from error
            raise
        with answer["Body"] as body:
            if answer["ContentLength"] > limit:
                raise ObjectTooLargeError
            data: bytes = body.read()
        return data

    def write(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Store the bytes, with the bucket's default encryption."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)

    def copy(self, source: str, target: str, version_id: str | None = None) -> None:
        """Copy an object, without its tags, within the bucket: readers see all of it or nothing."""
        version = {} if version_id is None else {"VersionId": version_id}
        found = {"Bucket": self._bucket, "Key": source, **version}
        try:
            self._s3.copy_object(
                Bucket=self._bucket,
                Key=target,
                CopySource=found,
                TaggingDirective="REPLACE",  # tags need rights of their own; scanners give some
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise ObjectMissingError from error
            raise

    def delete(self, key: str, version_id: str | None = None) -> None:
        """Delete the object, or one version of it for good."""
        version = {} if version_id is None else {"VersionId": version_id}
        self._s3.delete_object(Bucket=self._bucket, Key=key, **version)


def _version(answer: "dict[str, Any]") -> str | None:
    """Return the version; None where the bucket keeps no versions."""
    version: str | None = answer.get("VersionId")
    return None if version == "null" else version
