"""What the rules need of a bucket. Keys come from contracts.shared.layout."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from pydantic import ValidationError

from contracts.document import Document

D = TypeVar("D", bound=Document)

DOCUMENT_LIMIT = 4 * 1024 * 1024
"""Bytes; more than any document of ours can have."""


class StoredObject(NamedTuple):
    """One object as a listing or a head shows it."""

    key: str
    etag: str
    """Without quotes."""
    size: int
    """Bytes."""
    version_id: str | None = None
    """None in a listing, and where the bucket keeps no versions."""


class ObjectMissingError(Exception):
    """There is no such object, or no longer that version of it."""


class ObjectTooLargeError(Exception):
    """The object has more bytes than the reader allows; none of them was read."""


class Storage(Protocol):
    """One bucket. Every write may be repeated; the last one stands."""

    def uri(self, key: str) -> str:
        """Return ``s3://bucket/key``."""
        ...

    def list(self, prefix: str, limit: int) -> "list[StoredObject]":
        """Return the objects under the prefix in key order, at most ``limit`` of them."""
        ...

    def head(self, key: str) -> StoredObject | None:
        """Return what is known of the object now, with its version; None when it is missing."""
        ...

    def heads(self, keys: Sequence[str]) -> tuple[StoredObject, ...]:
        """Return what ``head`` knows of each object, in this order; missing ones are left out."""
        ...

    def read(self, key: str, limit: int, version_id: str | None = None) -> bytes:
        """Return the object's bytes.

        Raises:
            ObjectMissingError: there is none.
            ObjectTooLargeError: it is larger than ``limit`` bytes.
        """
        ...

    def write(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Store the bytes, encrypted as the bucket says."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy an object within the bucket, atomically for its readers.

        Raises:
            ObjectMissingError: there is no source.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        ...


def read_document(storage: Storage, key: str, kind: type[D]) -> D:
    """Return one of our own documents.

    Raises:
        ObjectMissingError: it was not written yet.
    """
    return kind.model_validate_json(storage.read(key, DOCUMENT_LIMIT))


def find_document(storage: Storage, key: str, kind: type[D]) -> D | None:
    """Return one of our own documents, or None when it was not written."""
    try:
        return read_document(storage, key, kind)
    except ObjectMissingError:
        return None


def find_readable(storage: Storage, key: str, kind: type[D]) -> D | None:
    """Return what a container wrote, or None where it wrote nothing that can be read.

    Whoever waits for it ends as if it had never come; those behind it are not held up.
    """
    try:
        return find_document(storage, key, kind)
    except ValidationError:
        return None


def write_document(storage: Storage, key: str, document: Document) -> None:
    """Store one of our own documents as JSON."""
    storage.write(key, document.model_dump_json(indent=2).encode(), "application/json")
