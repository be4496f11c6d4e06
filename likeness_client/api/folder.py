"""What of a folder, an archive or a LoRA is uploaded over the HTTP API, and as which type.

Names of files are not sent: they may name a person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from contracts.documents.api.uploads import (
    MAX_ARCHIVE_BYTES,
    MAX_FILES,
    MAX_PHOTO_BYTES,
    FileToUpload,
)
from contracts.shared.layout.uploads import REQUEST_FILE
from contracts.shared.limits import MAX_IMPORT_BYTES
from contracts.shared.suffixes import (
    ADAPTER_SUFFIX,
    ARCHIVE_SUFFIXES,
    CONSENT_FILE,
    TYPE_OF_SUFFIX,
    has_suffix,
    type_of,
)
from domain.intake.captions import is_list
from domain.intake.file_kinds import FileKinds, file_kinds_of
from likeness_client.folder import shown, walk
from likeness_client.imports import read


class NotUploadableError(Exception):
    """The folder cannot be uploaded as it is; the text says why and what to do."""


class UploadProgress(NamedTuple):
    """How far an upload is."""

    files: int
    """Files that have been sent."""

    of_files: int

    sent_bytes: int

    of_bytes: int


OnProgress = Callable[[UploadProgress], None]


@dataclass(frozen=True)
class LocalFile:
    """One file, and how it is announced."""

    path: Path

    announced: FileToUpload


def files_of(place: Path) -> tuple[LocalFile, ...]:
    """Return what is to be uploaded: photos with their captions, one archive, or one LoRA.

    Raises:
        NotUploadableError: there is nothing, too much, or something that the API does not take.
        NotImportedError: a LoRA would be refused after the upload.
        NoFolderError: there is no such folder.
    """
    if has_suffix(place.name, (ADAPTER_SUFFIX,)) and not place.is_dir():
        read(place)
        return (_local(place, MAX_IMPORT_BYTES),)
    if place.is_file():
        if not has_suffix(place.name, ARCHIVE_SUFFIXES):
            raise NotUploadableError(f"{shown(place)} is no archive; name a folder, a zip or a tar")
        return (_local(place, MAX_ARCHIVE_BYTES),)
    kinds = _kinds_in(place)
    if not kinds.photos:
        raise NotUploadableError(f"there is no photo in {shown(place)}")
    photos = [_local(place / name, _limit_of(name)) for name in kinds.photos]
    captions = [
        _local(place / kinds.captions[name], MAX_PHOTO_BYTES, number)
        for number, name in enumerate(kinds.photos)
        if name in kinds.captions
    ]
    found = (*photos, *captions)
    if len(found) > MAX_FILES:
        raise NotUploadableError(
            f"an upload has at most {MAX_FILES} files, and {shown(place)} has {len(found)};"
            " pack them into one zip and upload that"
        )
    return found


def request_file(place: Path) -> Path | None:
    """Return the folder's request.json; None: it has none."""
    path = place / REQUEST_FILE
    return path if path.is_file() else None


def consent_file(place: Path) -> Path | None:
    """Return the folder's consent.json, which is sent with the request; None: it has none."""
    path = place / CONSENT_FILE
    return path if path.is_file() else None


def _kinds_in(folder: Path) -> FileKinds:
    """Sort a folder's files by kind.

    Raises:
        NotUploadableError: a file is of a kind that only an archive can carry, or unreadable.
    """
    found = walk(folder)
    if found.obstacles:
        name, reason = found.obstacles[0]
        raise NotUploadableError(f"{name}: {reason}")
    names = [path.relative_to(folder).as_posix() for path in found.files]
    kinds = file_kinds_of(names)
    lists = {name for name in kinds.captions.values() if is_list(name)}
    settings = [name for name in kinds.settings if name != CONSENT_FILE]
    alone = [*kinds.masks.values(), *kinds.class_photos, *settings, *sorted(lists)]
    loras = [name for name in kinds.photos if has_suffix(name, (ADAPTER_SUFFIX,))]
    if loras:
        raise NotUploadableError(
            f"{shown(Path(loras[0]))} is a LoRA: `likeness import` takes it, alone, and photos go"
            " into another upload"
        )
    if alone:
        raise NotUploadableError(
            f"{shown(Path(alone[0]))} is a mask, a picture of the class, a caption list or a"
            " settings file, which the API takes only inside an archive: zip the folder, and upload"
            " the zip"
        )
    return kinds


def _limit_of(name: str) -> int:
    return MAX_ARCHIVE_BYTES if has_suffix(name, ARCHIVE_SUFFIXES) else MAX_PHOTO_BYTES


def _local(path: Path, limit: int, of_photo: int | None = None) -> LocalFile:
    """Return a file as it is announced.

    Raises:
        NotUploadableError: its type or its size is not allowed.
    """
    size, kind = path.stat().st_size, type_of(path.name)
    if kind is None:
        known = " ".join(sorted(TYPE_OF_SUFFIX))
        raise NotUploadableError(f"{shown(path)} is none of: {known}. Remove or convert it")
    if not 0 < size <= limit:
        raise NotUploadableError(f"{shown(path)} has {size:,} bytes; allowed are 1 to {limit:,}")
    facts = {"type": kind, "size": size, "of_photo": of_photo}
    given = {name: value for name, value in facts.items() if value is not None}
    return LocalFile(path, FileToUpload.model_validate(given))
