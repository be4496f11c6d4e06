"""What a client does: ten photos, then request.json, with plain S3 puts."""

import json
from typing import Any

from contracts.layout import REQUEST_FILE, base_prefix, upload_prefix
from local.cloud.places import ROOT
from local.cloud.server import Cloud
from local.portraits import Photo, album, upload_bytes
from local.portraits.moments import situation

BASE_ID = "portraits-sdxl"
BASE = ROOT / "local" / "embedded_base" / BASE_ID
BASES_BUCKET = "likeness-bases"
TENANT, UPLOAD = "demo", "first"
TRIGGER_WORD = "sks"
CHARACTER = 7
PHOTOS = 10


class NoBaseError(Exception):
    """The repository's base model is not where it should be."""


def sample_photos() -> list[Photo]:
    """Draw ten photos of somebody whom the base has never seen."""
    return album(CHARACTER, PHOTOS)


def request() -> dict[str, Any]:
    """Return the request: only what has no default."""
    return {
        "instance_prompt": f"a photo of a {TRIGGER_WORD} person",
        "class_prompt": "a photo of a person",
        "trigger_word": TRIGGER_WORD,
        "num_class_images": 24,
        "seed": 1,
    }


def put_base(cloud: Cloud) -> None:
    """Put the base model where the stack expects it.

    Raises:
        NoBaseError: the folder is missing, so the checkout is not complete.
    """
    if not (BASE / "base.json").exists():
        message = f"{BASE.relative_to(ROOT)} holds no base model: is the checkout complete?"
        raise NoBaseError(message)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BASES_BUCKET)
    for path in sorted(p for p in BASE.rglob("*") if p.is_file()):
        key = base_prefix(BASE_ID) + path.relative_to(BASE).as_posix()
        s3.put_object(Bucket=BASES_BUCKET, Key=key, Body=path.read_bytes())


def put_upload(cloud: Cloud, bucket: str, photos: list[Photo], upload: str = UPLOAD) -> None:
    """Put the photos and, last, the request: its arrival starts the workflow."""
    s3 = cloud.client("s3")
    prefix = upload_prefix(TENANT, upload)
    for number, photo in enumerate(photos):
        body = upload_bytes(photo.image, rotated=number == 0)
        s3.put_object(Bucket=bucket, Key=f"{prefix}photo-{number}.jpg", Body=body)
        # The words beside each photo: what is not the person, so that the trigger word is the rest.
        words = ", ".join([request()["instance_prompt"], *situation(photo.circumstance)])
        s3.put_object(Bucket=bucket, Key=f"{prefix}photo-{number}.txt", Body=words.encode())
    s3.put_object(Bucket=bucket, Key=prefix + REQUEST_FILE, Body=json.dumps(request()).encode())
