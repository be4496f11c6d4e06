"""The bucket with tenants' pictures: takes answers that are too large, and gives start images."""

import sys
from collections.abc import Sequence
from secrets import token_hex
from typing import Any, NamedTuple, Protocol

from contracts.shared.layout.uploads import answer_prefix, picture_file
from contracts.shared.pictures.picture_places import BASE_OWNER, LINK_SECONDS, own_place

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 2, 10, 3


class NoPictureError(Exception):
    """There is no such picture of the tenant, or it is too large; which, nobody learns."""


class NotStoredError(Exception):
    """S3 did not take the pictures."""


class Owner(NamedTuple):
    """Whose pictures they are."""

    tenant: str | None
    """The tenant's hash; None: the base itself, or a package that names no tenant."""
    job_ids: frozenset[str]
    """Ids of all models that draw."""


class Stored(NamedTuple):
    """One file that was stored."""

    key: str
    version: str | None
    """None where the bucket keeps no versions."""
    uri: str
    link: str


class PicturesBucket(Protocol):
    """What a request needs of the bucket."""

    def read(self, uri: str, tenant: str | None, limit: int) -> bytes:
        """Return a file of the tenant's.

        Raises:
            NoPictureError: it is not there, not the tenant's, or larger than ``limit`` bytes.
        """
        ...

    def takes(self, owner: Owner) -> bool:
        """Return whether an owner's pictures may be stored."""
        ...

    def store(self, files: Sequence[bytes], kind: str, owner: Owner) -> list[Stored]:
        """Store files of one format for their owner.

        Raises:
            NotStoredError: not all of them could be stored, and nobody has a link to the others.
        """
        ...

    def forget(self, stored: Sequence[Stored]) -> None:
        """Delete what was stored."""
        ...


class NoBucket:
    """Stands for the bucket of a server that has none: every answer is sent whole."""

    def read(self, uri: str, tenant: str | None, limit: int) -> bytes:  # noqa: ARG002
        """Find nothing."""
        raise NoPictureError

    def takes(self, owner: Owner) -> bool:  # noqa: ARG002
        """Take nothing."""
        return False

    def store(self, files: Sequence[bytes], kind: str, owner: Owner) -> list[Stored]:  # noqa: ARG002
        """Store nothing."""
        raise NotStoredError

    def forget(self, stored: Sequence[Stored]) -> None:
        """Do nothing."""


class S3Bucket:
    """The bucket in S3; any thread may use it."""

    def __init__(self, name: str, s3: Any) -> None:  # noqa: ANN401 (boto3 ships no types)
        self.name, self.s3 = name, s3

    def read(self, uri: str, tenant: str | None, limit: int) -> bytes:
        """Return a file of the tenant's; the address is checked before S3 is asked."""
        place = own_place(uri, tenant)
        if place is None or place.bucket != self.name:
            raise NoPictureError
        try:
            answer = self.s3.get_object(Bucket=self.name, Key=place.key)
            with answer["Body"] as body:
                if answer["ContentLength"] > limit:
                    raise NoPictureError
                data: bytes = body.read()
        except self.errors as error:  # without s3:ListBucket, S3 answers 403 for a missing object
            raise NoPictureError from error
        return data

    def takes(self, owner: Owner) -> bool:
        """Return whether an erasure could find the pictures: a person's need their tenant."""
        return owner.tenant is not None or not owner.job_ids

    def store(self, files: Sequence[bytes], kind: str, owner: Owner) -> list[Stored]:
        """Store files under a prefix that nobody can guess, and sign a link to each."""
        prefix = answer_prefix(owner.tenant or BASE_OWNER, owner.job_ids, token_hex(16))
        stored: list[Stored] = []
        try:
            for index, data in enumerate(files):
                stored.append(self.put(prefix + picture_file(index, kind), data, kind))
        except self.errors as error:
            self.forget(stored)
            raise NotStoredError from error
        return stored

    def put(self, key: str, data: bytes, kind: str) -> Stored:
        """Store one file."""
        place = {"Bucket": self.name, "Key": key}
        answer = self.s3.put_object(**place, Body=data, ContentType=f"image/{kind}")
        link = self.s3.generate_presigned_url("get_object", place, ExpiresIn=LINK_SECONDS)
        return Stored(key, answer.get("VersionId"), f"s3://{self.name}/{key}", link)

    def forget(self, stored: Sequence[Stored]) -> None:
        """Delete versions; what S3 does not delete now expires within a day."""
        for one in stored:
            version = {} if one.version is None else {"VersionId": one.version}
            try:
                self.s3.delete_object(Bucket=self.name, Key=one.key, **version)
            except self.errors as error:
                sys.stderr.write(f"base: a large answer was not deleted: {type(error).__name__}\n")

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What boto3 raises."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (no AWS needed)

        return BotoCoreError, ClientError


def open_bucket(name: str) -> PicturesBucket:
    """Return the bucket with this name; an empty name means that there is none."""
    if not name:
        return NoBucket()
    import boto3  # noqa: PLC0415 (a server without the bucket needs no AWS)
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},  # links name the Region; S3's global name refuses some
    )
    return S3Bucket(name, boto3.client("s3", config=config))
