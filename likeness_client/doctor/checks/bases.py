"""The bucket of base models: the base's card, its files and their hashes, and the captioner."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from contracts.base import BaseCard, files_of, hash_of_files
from contracts.shared.layout.bases import BASE_FILE, base_prefix, captioner_prefix, names_key
from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

MAX_DOWNLOAD = 4 * 2**20
"""Bytes of a file that is downloaded to hash it, where S3 keeps no SHA-256 and nobody asked."""

MISSING = {"404", "NoSuchKey", "NotFound"}

FROZEN = {"GLACIER", "DEEP_ARCHIVE"}
"""Storage classes that cannot be read before they are restored."""

CAPTIONER_FILES = {
    "config.json": ("config.json",),
    "weights": ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"),
}
"""What a captioner's folder needs, and the files that meet each need."""

NONE = "none"
"""The value of a parameter that leaves out what it names."""


def check_bucket(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find out whether the bucket exists, and whether it is in the Region."""
    bucket = deployment.value("BasesBucket")
    if not bucket:
        return
    try:
        answer = account.ask("s3", "get_bucket_location", Bucket=bucket)
    except ClientError as error:
        if code_in(error) != "NoSuchBucket":
            raise
        yield find(deployment, "bucket_missing", bucket)
        return
    found = answer.get("LocationConstraint") or "us-east-1"
    found = {"EU": "eu-west-1"}.get(found, found)
    if found != deployment.region:
        yield find(deployment, "bucket_other_region", bucket, found=found)


def check_base(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Compare the base's folder with its card."""
    yield from compare_base(deployment, account, deep=False)


def check_base_whole(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Compare the base's folder with its card; every file is downloaded."""
    yield from compare_base(deployment, account, deep=True)


def compare_base(deployment: Deployment, account: Account, *, deep: bool) -> Iterator[Finding]:
    """Yield what is wrong with the base's card and its files."""
    bucket, folder = deployment.value("BasesBucket"), base_prefix(deployment.value("BaseId"))
    key = folder + BASE_FILE
    body = read(account, bucket, key)
    if body is None:
        if bucket_exists(account, bucket):
            yield find(deployment, "base_missing", key, bucket=bucket, folder=folder)
        return
    try:
        card = BaseCard.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        reason = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
        yield find(deployment, "base_card_refused", key, bucket=bucket, reason=reason)
        return
    if card.base_id != deployment.value("BaseId"):
        expected = deployment.value("BaseId")
        yield find(deployment, "base_card_other", key, found=card.base_id, expected=expected)
    if card.sha256 != hash_of_files(card.files):
        yield find(deployment, "base_hash_wrong", key, bucket=bucket)
    yield from compare_files(deployment, account, card, deep=deep)


def bucket_exists(account: Account, bucket: str) -> bool:
    """Return whether there is such a bucket; a missing one is check_bucket's finding."""
    if not bucket:
        return False
    try:
        account.ask("s3", "get_bucket_location", Bucket=bucket)
    except ClientError as error:
        if code_in(error) != "NoSuchBucket":
            raise
        return False
    return True


def read(account: Account, bucket: str, key: str) -> bytes | None:
    """Return an object; None: there is none, or there is no bucket."""
    if not bucket:
        return None
    try:
        content: bytes = account.ask("s3", "get_object", Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if code_in(error) not in {*MISSING, "NoSuchBucket"}:
            raise
        return None
    return content


def compare_files(
    deployment: Deployment, account: Account, card: BaseCard, *, deep: bool
) -> Iterator[Finding]:
    """Yield the files of the card that are missing, frozen or other ones."""
    bucket, folder = deployment.value("BasesBucket"), base_prefix(deployment.value("BaseId"))
    listed = listing(account, bucket, folder)
    unread: list[int] = []
    for path, expected in sorted(files_of(card).items()):
        key = folder + path
        entry = listed.get(key)
        if entry is None:
            yield find(deployment, "base_file_missing", key, bucket=bucket)
        elif entry.get("StorageClass") in FROZEN:
            stored = entry["StorageClass"]
            yield find(deployment, "base_file_frozen", key, bucket=bucket, found=stored)
        else:
            digest = hash_of(account, bucket, entry, deep=deep)
            if digest is None:
                unread.append(entry["Size"])
            elif digest != expected:
                yield find(
                    deployment, "base_file_changed", key, bucket=bucket, found=digest,
                    expected=expected,
                )  # fmt: skip
    if unread:
        gigabytes = f"{sum(unread) / 1e9:.1f}"
        yield find(deployment, "base_not_hashed", folder, files=len(unread), gigabytes=gigabytes)


def listing(account: Account, bucket: str, prefix: str) -> dict[str, dict[str, Any]]:
    """Return the objects under a prefix by key."""
    found = account.ask_all("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
    return {entry["Key"]: entry for entry in found}


def hash_of(account: Account, bucket: str, entry: dict[str, Any], *, deep: bool) -> str | None:
    """Return the SHA-256 of an object as S3 keeps it, or of its content where it is small.

    None: S3 keeps none, and the object is large. A checksum of parts is none of the whole object.
    """
    key = entry["Key"]
    head = account.ask("s3", "head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    kept = head.get("ChecksumSHA256")
    if kept is not None and "-" not in kept and head.get("ChecksumType") != "COMPOSITE":
        return base64.b64decode(kept).hex()
    if not deep and entry["Size"] > MAX_DOWNLOAD:
        return None
    digest = hashlib.sha256()
    body = account.ask("s3", "get_object", Bucket=bucket, Key=key)["Body"]
    while chunk := body.read(2**20):
        digest.update(chunk)
    return digest.hexdigest()


def check_captioner(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find out whether the captioner's folder has what transformers loads."""
    captioner, bucket = deployment.value("CaptionerId"), deployment.value("BasesBucket")
    if captioner in {"", NONE} or not bucket_exists(account, bucket):
        return
    folder = captioner_prefix(captioner)
    if missing := lacking(account, bucket, folder, CAPTIONER_FILES):
        yield find(
            deployment, "captioner_missing", folder, value=captioner, bucket=bucket,
            missing=missing,
        )  # fmt: skip


def lacking(
    account: Account, bucket: str, folder: str, needs: Mapping[str, tuple[str, ...]]
) -> str:
    """Return what a folder lacks, in words; empty: nothing."""
    names = {key.removeprefix(folder) for key in listing(account, bucket, folder)}
    return " and ".join(need for need, files in needs.items() if not names & {*files})


def check_name_list(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find out whether the list of names is there."""
    names, bucket = deployment.value("BlockedNamesId", NONE), deployment.value("BasesBucket")
    if names in {"", NONE} or not bucket_exists(account, bucket):
        return
    key = names_key(names)
    if key not in listing(account, bucket, key):
        yield find(deployment, "names_missing", key, value=names, bucket=bucket)
