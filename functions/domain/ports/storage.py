"""What the rules need of a bucket. Keys come from contracts.shared.layout."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from pydantic import ValidationError

from contracts.document import Document

D = TypeVar("D", bound=Document)

DOCUMENT_LIMIT = 4 * 1024 * 1024
"""Bytes; larger than any of our documents."""


class StoredObject(NamedTuple):
    """One object, from a listing or a head request."""

    key: str
    etag: str
    """ETag without quotes."""
    size: int
    """Size in bytes."""
    version_id: str | None = None
    """S3 version; None in a listing, and where the bucket keeps no versions."""
    modified: datetime | None = None
    """When it was stored, to the second; only in a listing."""


class ObjectMissingError(Exception):
    """The object or its version does not exist."""


class ObjectTooLargeError(Exception):
    """The object is larger than the reader allows; no byte was read."""


class VersionKeys(Protocol):
    """The keys of one bucket's versions."""

    def key_of(self, prefix: str, version_id: str | None, etag: str | None) -> str | None:
        """Return the key under the prefix that has, or had, this version; None: it is gone.

        A bucket without versions is asked for the object of this ETag.
        """
        ...


class Storage(Protocol):
    """One bucket. Every write may be repeated; the last one counts."""

    def uri(self, key: str) -> str:
        """Return ``s3://bucket/key``."""
        ...

    def list(self, prefix: str, limit: int) -> "list[StoredObject]":
        """Return the objects under the prefix in key order, at most ``limit`` of them."""
        ...

    def head(self, key: str) -> StoredObject | None:
        """Return the object's present version; None when the object is missing."""
        ...

    def heads(self, keys: Sequence[str]) -> tuple[StoredObject, ...]:
        """Return ``head`` of each object, in this order; missing objects are left out."""
        ...

    def read(self, key: str, limit: int, version_id: str | None = None) -> bytes:
        """Return the object's bytes.

        Raises:
            ObjectMissingError: the object does not exist.
            ObjectTooLargeError: the object is larger than ``limit`` bytes.
        """
        ...

    def write(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Store the bytes, with the bucket's default encryption."""
        ...

    def copy(self, source: str, target: str, version_id: str | None = None) -> None:
        """Copy an object within the bucket; readers see the whole copy or nothing.

        Raises:
            ObjectMissingError: the source, or this version of it, does not exist.
        """
        ...

    def delete(self, key: str, version_id: str | None = None) -> None:
        """Delete the object; do nothing when it does not exist.

        A version is gone for good; without one a bucket with versions keeps the bytes for a while.
        """
        ...


def read_document(storage: Storage, key: str, kind: type[D]) -> D:
    """Return one of our documents.

    Raises:
        ObjectMissingError: the document does not exist.
    """
    return kind.model_validate_json(storage.read(key, DOCUMENT_LIMIT))


def find_document(storage: Storage, key: str, kind: type[D]) -> D | None:
    """Return one of our documents; None when it does not exist."""
    try:
        return read_document(storage, key, kind)
    except ObjectMissingError:
        return None


def find_readable(storage: Storage, key: str, kind: type[D]) -> D | None:
    """Return a document that a container wrote; None when it is missing or invalid.

    An invalid document counts as missing, so that it does not block the documents after it.
    """
    try:
        return find_document(storage, key, kind)
    except ValidationError:
        return None


def write_document(storage: Storage, key: str, document: Document) -> None:
    """Store one of our documents as JSON."""
    storage.write(key, document.model_dump_json(indent=2).encode(), "application/json")
