"""Where the base model comes from: a local folder or S3, and always the one its card describes."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from contracts.base import BaseCard

CARD = "base.json"


class BaseFolderError(Exception):
    """The base cannot be served; the text says what to do."""


def resolve_base(uri: str, cache: Path) -> Path:
    """Return a local folder that holds the whole base.

    Args:
        uri: ``s3://bucket/prefix/`` or a folder.
        cache: where a base from S3 is kept, by its hash: a second start downloads nothing.

    Raises:
        BaseFolderError: there is no base there, or it is not what its card says.
    """
    folder = download(uri, cache) if uri.startswith("s3://") else Path(uri)
    verify(folder, read_card(folder))
    return folder


def read_card(folder: Path) -> BaseCard:
    """Return ``base.json``."""
    try:
        return BaseCard.model_validate_json((folder / CARD).read_bytes())
    except (OSError, ValidationError) as error:
        message = f"no valid {CARD} in the base folder: check LIKENESS_BASE_URI"
        raise BaseFolderError(message) from error


def verify(folder: Path, card: BaseCard) -> None:
    """Raise unless every file is the one that the card names."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(card.files.items()))
    if hashlib.sha256(lines.encode()).hexdigest() != card.sha256:
        message = f"{CARD} contradicts itself: sha256 is not that of files"
        raise BaseFolderError(message)
    for path, digest in card.files.items():
        if not (folder / path).is_file() or sha256_of(folder / path) != digest:
            message = f"{path} of the base is missing or not the one that {CARD} names"
            raise BaseFolderError(message)


def sha256_of(path: Path) -> str:
    """Return a file's hash, reading a little at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def download(uri: str, cache: Path) -> Path:
    """Fetch the card's files into ``cache/<sha256>``, in one step for whoever looks."""
    import boto3  # noqa: PLC0415 (a baked base needs no AWS)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    bucket, prefix = urlsplit(uri).netloc, urlsplit(uri).path.strip("/")
    cache.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=cache))
    try:
        s3 = boto3.client("s3")
        fetch(s3, bucket, f"{prefix}/{CARD}", temporary / CARD)
        card = read_card(temporary)
        target = cache / card.sha256
        if not target.is_dir():
            for path in card.files:
                fetch(s3, bucket, f"{prefix}/{path}", temporary / path)
            place(temporary, target)
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


def place(temporary: Path, target: Path) -> None:
    """Rename; when another process was faster, its copy is as good."""
    try:
        os.rename(temporary, target)  # noqa: PTH104 (Path.rename says the same)
    except OSError:
        if not target.is_dir():
            raise
