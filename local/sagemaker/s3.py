"""S3 access of a job or an endpoint, through the API and with its role's permissions.

Thus a missing permission fails as on AWS, and "Object Created" events are sent.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import boto3
from botocore.config import Config

from local.cloud.typing_aliases import Stock
from local.sagemaker import host
from local.sagemaker.host import Session


class S3Location(NamedTuple):
    """A bucket, and a key or a key prefix."""

    bucket: str
    key: str


def parse_uri(uri: str) -> S3Location:
    """Return the bucket and the key of an S3 URI.

    >>> parse_uri("s3://photos/a/b.png")
    S3Location(bucket='photos', key='a/b.png')
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return S3Location(bucket, key)


def client(session: Session, service: str = "s3") -> Stock:
    """Return a client with a role's permissions."""
    return boto3.client(
        service,
        endpoint_url=host.endpoint_url(),
        region_name=host.region(),
        aws_access_key_id=session.access_key,
        aws_secret_access_key=session.secret_key,
        aws_session_token=session.token,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": 3, "mode": "standard"},
            connect_timeout=10,
        ),
    )


def list_keys(s3: Stock, prefix: S3Location) -> Iterator[str]:
    """Yield every key below a prefix, without "folder" objects."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
    for page in pages:
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):
                yield item["Key"]


def relative_key(key: str, prefix: str) -> str:
    """Return the path of an object in its channel's folder, as SageMaker computes it.

    >>> [relative_key(key, "data/train") for key in ("data/train", "data/train/a", "data/train2/b")]
    ['train', 'a', 'train2/b']
    """
    if key == prefix:
        return key.rsplit("/", 1)[-1]
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    if key.startswith(folder):
        return key[len(folder) :]
    return key[prefix.rfind("/") + 1 :]


def get(s3: Stock, location: S3Location, file: Path) -> None:
    """Download one object."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as target:
        body = s3.get_object(Bucket=location.bucket, Key=location.key)["Body"]
        for chunk in body.iter_chunks(1 << 20):
            target.write(chunk)


def put(s3: Stock, file: Path, location: S3Location) -> None:
    """Upload a file's current content; a file that still grows is uploaded again later."""
    s3.put_object(Bucket=location.bucket, Key=location.key, Body=file.read_bytes())


def inside(folder: Path, relative: str) -> Path | None:
    """Return a file below a folder; None when the name leads outside of it."""
    file = (folder / relative).resolve()
    return file if file.is_relative_to(folder.resolve()) and file != folder.resolve() else None
