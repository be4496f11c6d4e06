"""Finds the safety checker's folder: a local one, or one in S3 that is fetched as the base is."""

import hashlib
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from serving.base_folder import fetch

FILES = (
    "safety_checker/config.json",
    "safety_checker/model.safetensors",
    "feature_extractor/preprocessor_config.json",
)
"""What diffusers' safety checker consists of; weights in another format are not loaded."""


class SafetyFolderError(Exception):
    """The safety checker that the operator named cannot be used; the message says what to do."""


def resolve_checker(uri: str | None, cache: Path) -> Path | None:
    """Return a local folder with the complete checker; None when the operator named none.

    Args:
        uri: ``s3://bucket/safety/<id>/`` or a folder.
        cache: folder for a checker from S3.

    Raises:
        SafetyFolderError: a file is missing, or cannot be fetched.
    """
    if not uri:
        return None
    folder = download(uri, cache) if uri.startswith("s3://") else Path(uri)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        message = f"the safety checker lacks {', '.join(missing)}: check LIKENESS_SAFETY_URI"
        raise SafetyFolderError(message)
    return folder


def download(uri: str, cache: Path) -> Path:
    """Fetch the checker's files into a folder of the cache, which appears complete or not at all.

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
        for name in FILES:
            fetch(s3, bucket, f"{prefix}/{name}", temporary / name)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    except (BotoCoreError, ClientError) as error:
        message = f"the safety checker could not be fetched from {uri}: {error}"
        raise SafetyFolderError(message) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target
