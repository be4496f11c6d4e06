"""Files on this side of a transfer: read as they are sent, and put in place once they are whole."""

from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

from likeness_client.api.errors import TransferError


def opened(path: Path) -> BinaryIO:
    """Return a file that is to be sent."""
    return path.open("rb")


class PartFile:
    """A download beside its place; what is not finished is removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._hash = sha256()

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Add some bytes."""
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self, digest: str) -> None:
        """Put the file in its place.

        Raises:
            TransferError: other bytes came than were stored.
        """
        if self._hash.hexdigest() != digest:
            raise TransferError(
                "download_damaged",
                "The file has another hash than it was stored with.",
                "Download it again.",
                HTTPStatus.BAD_GATEWAY,
            )
        self._file.close()
        self._part.replace(self._path)


def is_made_up(url: str) -> bool:
    """Return whether an address is one of a mock key's answers, which lead nowhere (RFC 2606).

    >>> is_made_up("https://mock.invalid/a.png"), is_made_up("https://s3.example.org/x.invalid")
    (True, False)
    """
    return (urlsplit(url).hostname or "").endswith(".invalid")


def made_up() -> TransferError:
    """Return why a mock key's file cannot be had."""
    return TransferError(
        "made_up",
        "The link is an answer to a mock key, and leads nowhere.",
        "Use a live key to download files.",
    )


def not_sent(status: int) -> TransferError:
    """Return why S3 did not take a file."""
    return TransferError(
        "upload_failed",
        f"S3 answered {status}.",
        "A form is good for an hour, and for a file that has not changed: upload again.",
        status,
    )


def not_received(status: int) -> TransferError:
    """Return why S3 did not give a file."""
    return TransferError(
        "download_failed",
        f"S3 answered {status}.",
        "A link is good for some minutes: ask for it again.",
        status,
    )
