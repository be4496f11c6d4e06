"""Fetches the base model from a local folder or S3, and checks it against its card."""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from contracts.base import BaseCard, contradiction_in, files_of
from contracts.shared.weights.pipeline_files import (
    MODEL_INDEX,
    missing_files,
    missing_refiner_files,
)

CARD = "base.json"


class BaseFolderError(Exception):
    """The base cannot be served; the message says what to do."""


def resolve_base(uri: str, cache: Path) -> Path:
    """Return a local folder that holds the complete, checked base.

    Args:
        uri: ``s3://bucket/prefix/`` or a folder.
        cache: folder for bases from S3, by the hashes of base and refiner; a second start downloads
            only the card.

    Raises:
        BaseFolderError: there is no base, or its files are not those of its card.
    """
    folder = download(uri, cache) if uri.startswith("s3://") else Path(uri)
    verify(folder, read_card(folder))
    return folder


def read_card(folder: Path) -> BaseCard:
    """Return ``base.json``."""
    try:
        return BaseCard.model_validate_json((folder / CARD).read_bytes())
    except (OSError, ValidationError) as error:
        message = f"the base folder has no valid {CARD}: check LIKENESS_BASE_URI"
        raise BaseFolderError(message) from error


def verify(folder: Path, card: BaseCard) -> None:
    """Raise unless the card names all that the pipeline needs, and every file has its hash."""
    if wrong := contradiction_in(card):
        message = f"{CARD} contradicts itself: {wrong}"
        raise BaseFolderError(message)
    for path, digest in files_of(card).items():
        if not (folder / path).is_file() or sha256_of(folder / path) != digest:
            message = f"{path} of the base is missing, or its hash is not the one in {CARD}"
            raise BaseFolderError(message)
    try:
        lacks = missing_files(json.loads((folder / MODEL_INDEX).read_bytes()), card.files)
        lacks += missing_refiner_files(card.refiner.files) if card.refiner else []
    except (OSError, ValueError) as error:
        message = f"{MODEL_INDEX} of the base is missing or damaged"
        raise BaseFolderError(message) from error
    if lacks:
        message = f"{lacks[0].path} of the base is missing: {lacks[0].why}"
        raise BaseFolderError(message)


def sha256_of(path: Path) -> str:
    """Return a file's hash; the file is read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def download(uri: str, cache: Path) -> Path:
    """Fetch the card's files into ``cache/<sha256>``, which appears complete or not at all."""
    import boto3  # noqa: PLC0415 (a base inside the image needs no AWS)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    bucket, prefix = urlsplit(uri).netloc, urlsplit(uri).path.strip("/")
    cache.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=cache))
    try:
        s3 = boto3.client("s3")
        fetch(s3, bucket, f"{prefix}/{CARD}", temporary / CARD)
        card = read_card(temporary)
        refiner = "" if card.refiner is None else f"-{card.refiner.sha256}"
        target = cache / f"{card.sha256}{refiner}"
        if not target.is_dir():
            for path in files_of(card):
                fetch(s3, bucket, f"{prefix}/{path}", temporary / path)
            move_into_place(temporary, target)
    except (BotoCoreError, ClientError) as error:
        message = f"the base could not be fetched from {uri}: {error}"
        raise BaseFolderError(message) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def fetch(s3: Any, bucket: str, key: str, target: Path) -> None:  # noqa: ANN401 (boto3 has no types)
    """Download one object."""
    target.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(bucket, key, str(target))


def move_into_place(temporary: Path, target: Path) -> None:
    """Rename the folder; when another process was faster, keep that process's copy."""
    try:
        os.rename(temporary, target)  # noqa: PTH104 (Path.rename says the same)
    except OSError:
        if not target.is_dir():
            raise
