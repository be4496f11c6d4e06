"""The stack's classifiers of photos: their settings, and their folders on the function's disk."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from aws import settings
from aws.storage import S3Storage
from contracts.errors import ClassifierUnusableError
from contracts.shared.layout.bases import classifier_prefix
from contracts.shared.pictures.classifier import (
    FILES,
    MAX_CONFIG_BYTES,
    MAX_WEIGHTS_BYTES,
    WEIGHTS,
    ClassifierError,
    chosen_labels,
    minor_labels,
    read_folder,
)
from domain.ports.storage import ObjectTooLargeError, Storage

NONE = "none"
CACHE = Path(tempfile.gettempdir()) / "classifiers"
"""Where the folders are while the function's container lives."""


class ClassifierSettings(NamedTuple):
    """A classifier that the operator has named."""

    folder: Path
    labels: tuple[str, ...]
    """The labels that refuse a photo."""
    threshold: float


def filter_from_env() -> ClassifierSettings | None:
    """Return the content filter; None where the stack has none.

    Raises:
        ClassifierUnusableError: its folder is incomplete or no ViT's, or lacks a label.
    """
    labels = settings.text("CONTENT_FILTER_LABELS")
    threshold = settings.decimal("CONTENT_FILTER_THRESHOLD")
    return usable(settings.text("CONTENT_FILTER_ID"), labels, threshold, chosen_labels)


def ages_from_env() -> ClassifierSettings | None:
    """Return the age estimate; None where the stack has none.

    Raises:
        ClassifierUnusableError: as ``filter_from_env``.
    """
    labels = settings.text("AGE_ESTIMATOR_LABELS")
    threshold = settings.decimal("AGE_ESTIMATOR_THRESHOLD")
    return usable(settings.text("AGE_ESTIMATOR_ID"), labels, threshold, minor_labels)


def usable(
    classifier_id: str,
    labels: str,
    threshold: float,
    choose: Callable[[str, Iterable[str]], tuple[str, ...]],
) -> ClassifierSettings | None:
    """Return a classifier whose folder is on the disk; None where none is named.

    Raises:
        ClassifierUnusableError: as ``filter_from_env``.
    """
    if classifier_id == NONE:
        return None
    try:
        folder = fetched(classifier_id, S3Storage.from_env("BASES_BUCKET"), CACHE)
        config, _ = read_folder(folder)
        return ClassifierSettings(folder, choose(labels, config.labels), threshold)
    except ClassifierError as error:
        raise ClassifierUnusableError(classifier=classifier_id, reason=str(error)) from None


def fetched(classifier_id: str, bases: Storage, cache: Path) -> Path:
    """Return a local folder with a classifier's files, fetched anew when one has changed.

    Raises:
        ClassifierError: a file is missing or too large.
    """
    found = [bases.head(classifier_prefix(classifier_id) + name) for name in FILES]
    lacks = [name for name, one in zip(FILES, found, strict=True) if one is None]
    if lacks:
        raise ClassifierError(f"the folder lacks {', '.join(lacks)}")
    version = "-".join(one.etag for one in found if one is not None)
    target = cache / classifier_id / version
    if not target.is_dir():
        shutil.rmtree(target.parent, ignore_errors=True)  # a former version: the disk is small
        target.parent.mkdir(parents=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent))
        for name in FILES:
            (partial / name).write_bytes(body_of(classifier_id, name, bases))
        partial.rename(target)
    return target


def body_of(classifier_id: str, name: str, bases: Storage) -> bytes:
    """Return one file of a classifier.

    Raises:
        ClassifierError: it is too large.
    """
    limit = MAX_WEIGHTS_BYTES if name == WEIGHTS else MAX_CONFIG_BYTES
    try:
        return bases.read(classifier_prefix(classifier_id) + name, limit)
    except ObjectTooLargeError:
        raise ClassifierError(f"{name} has more than {limit} bytes") from None
