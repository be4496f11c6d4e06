"""What a client does: ten photos, then request.json, with plain S3 puts."""

import json
from pathlib import Path
from typing import Any

from contracts.documents.job import AcceptedUpload
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.layout.bases import BASE_FILE, base_prefix
from contracts.shared.layout.models import accepted_upload_key
from contracts.shared.layout.uploads import REQUEST_FILE, upload_prefix
from contracts.shared.people.consent_texts import CURRENT
from local.cloud.server import Cloud
from local.embedded_base import PORTRAITS
from local.portraits import Photo, album, upload_bytes
from local.portraits.moments import situation

BASES_BUCKET = "likeness-bases"
TENANT, UPLOAD = "demo", "first"
TRIGGER_WORD = "sks"
CHARACTER = 5001
PHOTOS = 10


class NoBaseError(Exception):
    """The repository's base model is not where it should be."""


def sample_photos() -> list[Photo]:
    """Draw ten photos of somebody whom the base has never seen."""
    return album(CHARACTER, PHOTOS)


def consent() -> dict[str, Any]:
    """Return a consent for drawn people; its dates are fixed, so that an upload is one job."""
    return {
        "given_by": "drawn-person",
        "given_for": "self",
        "given_at": "2026-11-01T09:00:00Z",
        "adult": True,
        "purposes": ["avatar"],
        "text_version": CURRENT,
        "language": "en",
        "retention_days": 365,
        "expires_at": "2099-12-31T00:00:00Z",
    }


def request() -> dict[str, Any]:
    """Return the request for the drawn photos: only what has no default, and the consent."""
    return {**plain_request(), "consent": consent()}


def plain_request() -> dict[str, Any]:
    """Return the request without a consent, which photos of a real person bring themselves."""
    return {
        "instance_prompt": f"a photo of a {TRIGGER_WORD} person",
        "class_prompt": "a photo of a person",
        "trigger_word": TRIGGER_WORD,
        "seed": 1,
    }


def accepted_request(cloud: Cloud, models_bucket: str, job_id: str) -> TrainingRequest:
    """Return the request of a job as the stack has understood it."""
    key = accepted_upload_key(job_id)
    body = cloud.client("s3").get_object(Bucket=models_bucket, Key=key)["Body"].read()
    return AcceptedUpload.model_validate_json(body).request


def put_base(cloud: Cloud, folder: Path = PORTRAITS, bucket: str = BASES_BUCKET) -> None:
    """Put a base model where the stack expects it: ``bases/<name of its folder>/``.

    Raises:
        NoBaseError: the folder is missing, so the checkout is not complete.
    """
    if not (folder / BASE_FILE).exists():
        raise NoBaseError(f"{folder.name} holds no base model: is the checkout complete?")
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        key = base_prefix(folder.name) + path.relative_to(folder).as_posix()
        s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())


def put_upload(cloud: Cloud, bucket: str, photos: list[Photo], **fields: Any) -> None:
    """Put the photos and, last, the request: its arrival starts the workflow."""
    words = [
        ", ".join([request()["instance_prompt"], *situation(photo.circumstance)])
        for photo in photos
    ]
    files: dict[str, bytes] = {}
    for number, (photo, caption) in enumerate(zip(photos, words, strict=True)):
        files[f"photo-{number}.jpg"] = upload_bytes(photo.image, rotated=number == 0)
        # The words beside a photo say what is not the person; the trigger word means the rest.
        files[f"photo-{number}.txt"] = caption.encode()
    put_files(cloud, bucket, UPLOAD, files, request() | fields)


def put_files(
    cloud: Cloud, bucket: str, upload: str, files: dict[str, bytes], fields: dict[str, Any] | bytes
) -> None:
    """Put any files under the upload's prefix, then ``request.json``."""
    s3 = cloud.client("s3")
    prefix = upload_prefix(TENANT, upload)
    for name, body in files.items():
        s3.put_object(Bucket=bucket, Key=prefix + name, Body=body)
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    s3.put_object(Bucket=bucket, Key=prefix + REQUEST_FILE, Body=body)
