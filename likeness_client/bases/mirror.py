"""Copies a base to the bases bucket, and looks at what is there.

Every object carries its file's SHA-256 as metadata, so a copy that was interrupted goes on with the
files that are missing or other. ``base.json`` comes last: no reader finds a base without its files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from contracts.base import BaseCard, files_of
from contracts.shared.layout.bases import BASE_FILE, base_prefix
from likeness_client.aws_errors import CONFIG
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bases.folder import files_below, sha256_of
from likeness_client.printing import PrintLine
from likeness_client.stack import find

PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?")
MISSING = {"404", "NoSuchKey", "NotFound"}
BESIDE = ("faces.safetensors", "floors.json", "priors/")
"""Files that a base may have beside those of its card."""

HASH = "sha256"


@dataclass(frozen=True)
class Bucket:
    """The bucket of base models."""

    name: str
    s3: Any

    def put(self, path: Path, key: str, digest: str) -> None:
        """Upload a file with its hash."""
        more = {"Metadata": {HASH: digest}, "ChecksumAlgorithm": "SHA256"}
        self.s3.upload_file(str(path), self.name, key, ExtraArgs=more)

    def head(self, key: str) -> dict[str, Any] | None:
        """Return an object's description; None: there is none."""
        try:
            found: dict[str, Any] = self.s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return None
            raise
        return found

    def has(self, key: str, digest: str, size: int) -> bool:
        """Return whether the object is this file, by the hash that it was uploaded with."""
        found = self.head(key)
        if found is None:
            return False
        return bool(found["Metadata"].get(HASH) == digest and found["ContentLength"] == size)

    def read(self, key: str) -> bytes | None:
        """Return an object; None: there is none."""
        try:
            return bytes(self.s3.get_object(Bucket=self.name, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return None
            raise

    def digest(self, key: str) -> str:
        """Return the SHA-256 of an object's content, which is downloaded."""
        digest = sha256()
        body = self.s3.get_object(Bucket=self.name, Key=key)["Body"]
        while chunk := body.read(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()


def open_bucket(place: str | None, stack: str | None) -> Bucket | None:
    """Return the bucket that is named by its address or by its stack; None: neither is.

    Raises:
        BaseRefusedError: the address is none.
        NoStackError: there is no such stack.
    """
    if place is not None:
        match = PLACE.fullmatch(place)
        if match is None:
            raise BaseRefusedError(
                f"{place}: name the bucket alone, s3://BUCKET; the base goes to bases/<id>/ in it"
            )
        return Bucket(match[1], boto3.client("s3", config=CONFIG))
    if stack is None:
        return None
    found = find(boto3.client("cloudformation", config=CONFIG), stack)
    return Bucket(found.parameters["BasesBucket"], boto3.client("s3", config=CONFIG))


def mirror(folder: Path, card: BaseCard, bucket: Bucket, print_line: PrintLine) -> None:
    """Upload what the bucket does not have; ``base.json`` comes last."""
    prefix, sent = base_prefix(card.base_id), 0
    paths = dict(mirrored(folder, card))
    for path, digest in paths.items():
        size = (folder / path).stat().st_size
        if bucket.has(prefix + path, digest, size):
            continue
        print_line(f"  {path}, {size / 1e6:.1f} MB")
        bucket.put(folder / path, prefix + path, digest)
        sent += 1
    bucket.put(folder / BASE_FILE, prefix + BASE_FILE, sha256_of(folder / BASE_FILE))
    print_line(f"s3://{bucket.name}/{prefix}: {sent} files sent, {len(paths) - sent} were there")


def mirrored(folder: Path, card: BaseCard) -> Iterator[tuple[str, str]]:
    """Yield path and hash of the files of the card, of its judge and CLIP, and beside them."""
    yield from files_of(card).items()
    beside = (*(f"{name}/" for name in (card.judge, card.clip) if name), *BESIDE)
    for path in files_below(folder):
        if path.startswith(beside) and path not in card.files:
            yield path, sha256_of(folder / path)
