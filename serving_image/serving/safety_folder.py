"""Finds the folders of safety checker and content filter: local ones, or in S3, as the base is."""

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from contracts.shared.pictures import classifier
from contracts.shared.pictures.classifier import (
    CHECKER_FILES,
    ClassifierError,
    chosen_labels,
    read_folder,
)
from serving.base_folder import fetch


class Kind(NamedTuple):
    """What a folder is for."""

    name: str
    files: tuple[str, ...]
    variable: str
    """The variable that names the folder."""


CHECKER = Kind("safety checker", CHECKER_FILES, "LIKENESS_SAFETY_URI")
FILTER = Kind("content filter", classifier.FILES, "LIKENESS_FILTER_URI")


class SafetyFolderError(Exception):
    """A folder that the operator named cannot be used; the message says what to do."""


def resolve_checker(uri: str | None, cache: Path) -> Path | None:
    """Return a local folder with the complete checker; None when the operator named none.

    Args:
        uri: ``s3://bucket/safety/<id>/`` or a folder.
        cache: folder for a checker from S3.

    Raises:
        SafetyFolderError: a file is missing, or cannot be fetched.
    """
    return resolve(uri, cache, CHECKER)


def resolve_filter(uri: str | None, labels: str, cache: Path) -> Path | None:
    """Return a local folder with a content filter that has these labels; None: there is no filter.

    Args:
        uri: ``s3://bucket/classifiers/<id>/`` or a folder.
        labels: the refused labels with commas between.
        cache: folder for a filter from S3.

    Raises:
        SafetyFolderError: a file is missing, is no ViT's, or cannot be fetched; or a label lacks.
    """
    folder = resolve(uri, cache, FILTER)
    if folder is not None:
        try:
            config, _ = read_folder(folder)
            chosen_labels(labels, config.labels)
        except ClassifierError as error:
            message = f"the {FILTER.name} cannot be used: {error}; check {FILTER.variable}"
            raise SafetyFolderError(message) from error
    return folder


def resolve(uri: str | None, cache: Path, kind: Kind) -> Path | None:
    """Return a local folder with all files of its kind; None when the operator named none.

    Raises:
        SafetyFolderError: a file is missing, or cannot be fetched.
    """
    if not uri:
        return None
    folder = download(uri, cache, kind) if uri.startswith("s3://") else Path(uri)
    missing = [name for name in kind.files if not (folder / name).is_file()]
    if missing:
        message = f"the {kind.name} lacks {', '.join(missing)}: check {kind.variable}"
        raise SafetyFolderError(message)
    return folder


def download(uri: str, cache: Path, kind: Kind) -> Path:
    """Fetch a folder's files into one of the cache, which appears complete or not at all.

    Raises:
        SafetyFolderError: S3 does not give a file.
    """
    import boto3  # noqa: PLC0415 (a folder needs no AWS)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    bucket, prefix = urlsplit(uri).netloc, urlsplit(uri).path.strip("/")
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"safety-{hashlib.sha256(uri.encode()).hexdigest()[:16]}"
    temporary = Path(tempfile.mkdtemp(dir=cache))
    try:
        s3 = boto3.client("s3")
        for name in kind.files:
            fetch(s3, bucket, f"{prefix}/{name}", temporary / name)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    except (BotoCoreError, ClientError) as error:
        message = f"the {kind.name} could not be fetched from {uri}: {error}"
        raise SafetyFolderError(message) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target
