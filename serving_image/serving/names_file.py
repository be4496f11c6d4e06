"""Finds the file with names that nobody may draw: a local one, or one in S3."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from contracts.shared.words.name_list import (
    MAX_BYTES,
    NO_NAMES,
    NameList,
    NameListError,
    parse_names,
)
from serving.base_folder import fetch


class NamesFileError(Exception):
    """The list that the operator named cannot be used; the message says what to do."""


def resolve_names(uri: str | None, cache: Path) -> Path | None:
    """Return a local file with a list that can be read; None when the operator named none.

    Args:
        uri: ``s3://bucket/names/<id>.txt`` or a file.
        cache: folder for a file from S3.

    Raises:
        NamesFileError: the file is missing, cannot be fetched, or is no list.
    """
    if not uri:
        return None
    file = download(uri, cache) if uri.startswith("s3://") else Path(uri)
    read_names(str(file))
    return file


def read_names(name: str | None) -> NameList:
    """Return the names of a file; none where the operator has named no file.

    Raises:
        NamesFileError: it is missing, too large, or no list.
    """
    if name is None:
        return NO_NAMES
    file = Path(name)
    try:
        if file.stat().st_size > MAX_BYTES:
            message = f"the list of names is larger than {MAX_BYTES >> 20} MiB"
            raise NamesFileError(message)
        return parse_names(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, NameListError) as error:
        reason = str(error) if isinstance(error, NameListError) else type(error).__name__
        message = f"the list of names cannot be read: {reason}; check LIKENESS_NAMES_URI"
        raise NamesFileError(message) from error


def download(uri: str, cache: Path) -> Path:
    """Fetch the file anew, since an operator may have changed it.

    Raises:
        NamesFileError: S3 does not give it.
    """
    import boto3  # noqa: PLC0415 (a file needs no AWS)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    target = cache / f"names-{hashlib.sha256(uri.encode()).hexdigest()[:16]}"
    try:
        fetch(boto3.client("s3"), urlsplit(uri).netloc, urlsplit(uri).path.strip("/"), target)
    except (BotoCoreError, ClientError) as error:
        message = f"the list of names could not be fetched from {uri}: {error}"
        raise NamesFileError(message) from error
    return target
