"""The files under an upload's prefix, each pinned to its present version."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.documents.erasure import ErasureSubject
from contracts.documents.job import PinnedObject, PinnedPhoto
from contracts.errors import ArchiveRefusedError, InvalidUploadError, TooManyPhotosError
from contracts.shared import layout
from contracts.shared.limits import MAX_ARCHIVES, MAX_PHOTOS, MAX_SETTINGS
from contracts.shared.suffixes import (
    ARCHIVE_SUFFIXES,
    AVATAR_FILE,
    OTHER_ARCHIVE_SUFFIXES,
    SCRIPT_SUFFIX,
    TOML_SUFFIX,
    YAML_SUFFIXES,
)
from domain.intake.archive_limits import MAX_ARCHIVE_BYTES, MAX_UNPACKED_BYTES
from domain.intake.archives import is_archive, is_other_archive
from domain.intake.file_kinds import (
    FileKinds,
    file_kinds_of,
    is_litter,
    is_request,
    unused_texts,
)
from domain.ports.archives import Archives, Header, Member
from domain.ports.storage import Storage, StoredObject
from domain.requests.kohya.folders import repeats_of

MAX_OBJECTS = 1000
"""Largest number of files in all: photos, captions, litter."""

_NAME = r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})"
_FILE = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_ENDINGS = "|".join(re.escape(suffix) for suffix in (TOML_SUFFIX, SCRIPT_SUFFIX, *YAML_SUFFIXES))
_SETTINGS = rf"{re.escape(AVATAR_FILE)}|{_FILE}(?:{_ENDINGS})"
_PACKED = "|".join(map(re.escape, (*ARCHIVE_SUFFIXES, *OTHER_ARCHIVE_SUFFIXES)))
_ARCHIVE = rf"[^\x00-\x1f]{{1,900}}(?:{_PACKED})"
_PREFIX = re.compile(rf"tenants/{_NAME}/uploads/{_NAME}/")
_REQUEST_KEY = re.compile(
    rf"tenants/{_NAME}/uploads/{_NAME}/"
    rf"(?i:{re.escape(layout.uploads.REQUEST_FILE)}|(?:{_FILE}/)?(?:{_SETTINGS})|{_ARCHIVE})"
)


class Place(NamedTuple):
    """An upload: its tenant and its name."""

    tenant: str
    upload: str

    @property
    def prefix(self) -> str:
        """Prefix of the upload's keys."""
        return layout.uploads.upload_prefix(self.tenant, self.upload)


class PinnedUpload(NamedTuple):
    """Every file that counts, pinned to its present version."""

    photos: tuple[PinnedPhoto, ...]
    """Sorted by content."""
    class_photos: tuple[PinnedObject, ...]
    """Sorted by content."""
    request: PinnedObject | None
    settings: tuple[PinnedObject, ...]
    """Settings files of other tools, and the consent beside them."""
    names: tuple[str, ...]
    """Names of the photos; a folder's name may name the subject."""
    unused_texts: int = 0
    """Number of text files that are beside no photo of their name."""


def place_of(key: str) -> Place:
    """Return the upload that a key belongs to: of a request, of settings or of an archive.

    An upload's prefix alone is such a key too: an execution's input has no file name.

    >>> place_of("tenants/acme/uploads/u1/request.json")
    Place(tenant='acme', upload='u1')
    >>> place_of("tenants/acme/uploads/u1/config/kohya.toml")
    Place(tenant='acme', upload='u1')
    >>> place_of("tenants/acme/uploads/u1/Photos of Jo.ZIP")
    Place(tenant='acme', upload='u1')
    >>> place_of("tenants/acme/uploads/u1/photos/summer.rar")
    Place(tenant='acme', upload='u1')

    Raises:
        InvalidUploadError: the key has another form.
    """
    match = _REQUEST_KEY.fullmatch(key) or _PREFIX.fullmatch(key)
    if match is None:
        raise InvalidUploadError
    return Place(match[1], match[2])


def is_prefix(key: str) -> bool:
    """Return whether a key is the prefix of an upload, and names no file of it."""
    return _PREFIX.fullmatch(key) is not None


def subjects_of(place: Place) -> tuple[ErasureSubject, ErasureSubject]:
    """Return whose erasure ends an upload: its tenant's, and its own."""
    return ErasureSubject(tenant=place.tenant), ErasureSubject(**place._asdict())


def find_place(key: str) -> Place | None:
    """Return the upload that a request's key belongs to; None when the key has another form."""
    try:
        return place_of(key)
    except InvalidUploadError:
        return None


def pin_upload(uploads: Storage, place: Place, archives: Archives) -> PinnedUpload:
    """Return the upload's files, loose ones and those in archives.

    Raises:
        TooManyPhotosError: there are more photos than one training may use.
        ArchiveRefusedError: an archive is damaged, unsafe, too large or too slow.
    """
    listed = uploads.list(place.prefix, limit=MAX_OBJECTS + 1)
    names = [item.key.removeprefix(place.prefix) for item in listed]
    loose = [name for name in names if not is_archive(name) and not is_litter(name)]
    refuse_others(loose)
    check_count(file_kinds_of(loose), len(listed))
    found = uploads.heads([place.prefix + name for name in loose])
    pins = {item.key.removeprefix(place.prefix): pinned(item) for item in found}
    packed = [item for item in listed if is_archive(item.key) and not is_litter(item.key)]
    if len(packed) > MAX_ARCHIVES or sum(item.size for item in packed) > MAX_ARCHIVE_BYTES:
        raise ArchiveRefusedError(code="archive_too_large")
    unpacking = Unpacking(uploads, place, archives, pins)
    for archive in uploads.heads([item.key for item in packed]):
        unpacking.add(archive)
    texts = unused_texts([*loose, *unpacking.packed])
    return sorted_out(pins)._replace(unused_texts=texts)


def refuse_others(names: Iterable[str]) -> None:
    """Refuse archives that nobody opens: what is in them would be missing from the training.

    Raises:
        ArchiveRefusedError: there is one, of another kind or inside an archive.
    """
    if any(is_other_archive(name) for name in names):
        raise ArchiveRefusedError(code="archive_not_taken")


def check_count(kinds: FileKinds, objects: int) -> None:
    """Refuse more photos, settings or files than an upload may hold.

    Raises:
        TooManyPhotosError: there are too many.
    """
    photos = max(len(kinds.photos), len(kinds.class_photos))
    if photos > MAX_PHOTOS or objects > MAX_OBJECTS or len(kinds.settings) > MAX_SETTINGS:
        raise TooManyPhotosError(found=photos, most=MAX_PHOTOS)


@dataclass
class Unpacking:
    """Stores the files of an upload's archives; only those that count."""

    uploads: Storage
    place: Place
    archives: Archives
    pins: dict[str, PinnedObject]
    """Every file of the upload that is known so far, by its name."""
    unpacked_bytes: int = 0
    packed: list[str] = field(default_factory=list)
    """Names of all files in the archives, also of those that do not count."""

    def add(self, archive: StoredObject) -> None:
        """Store the archive's files, and pin them.

        Raises:
            ArchiveRefusedError: the archive is refused, or all of them are too large together.
            TooManyPhotosError: the upload then has too many files.
        """
        name = archive.key.removeprefix(self.place.prefix)
        body = self.uploads.read(archive.key, MAX_ARCHIVE_BYTES, archive.version_id)
        with self.archives.open(body) as opened:
            wanted = self._wanted(name, opened.headers)
            prefix = f"{layout.uploads.unpacked_prefix(*self.place)}{archive.etag}/"
            stored = list(self._stored(name, prefix, opened.members(), wanted))
        found = {item.key: item for item in self.uploads.heads([key for _, key in stored])}
        for full_name, key in stored:
            if key in found:
                self.pins[full_name] = pinned(found[key], full_name)

    def _wanted(self, archive: str, headers: Sequence[Header]) -> set[str]:
        """Return the names of the files that count, before any of them is stored."""
        self.unpacked_bytes += sum(header.size for header in headers)
        if self.unpacked_bytes > MAX_UNPACKED_BYTES:
            raise ArchiveRefusedError(code="archive_too_large")
        names = [f"{archive}/{header.name}" for header in headers if not is_litter(header.name)]
        refuse_others(names)
        self.packed += names
        check_count(file_kinds_of([*self.pins, *names]), len(self.pins) + len(names))
        kinds = file_kinds_of(names)
        others = [*kinds.captions.values(), *kinds.masks.values(), *filter(is_request, names)]
        return {*kinds.photos, *kinds.class_photos, *kinds.settings, *others}

    def _stored(
        self, archive: str, prefix: str, members: Iterable[Member], wanted: Container[str]
    ) -> Iterator[tuple[str, str]]:
        """Store each file that counts under a number; yield its name and key.

        The key holds the archive's hash, so a file that an earlier attempt has stored is the same.
        """
        there = {item.key: item.size for item in self.uploads.list(prefix, MAX_OBJECTS)}
        for number, member in enumerate(members):
            full_name, key = f"{archive}/{member.name}", f"{prefix}{number:05d}"
            if full_name in wanted:
                if there.get(key) != len(member.body):
                    self.uploads.write(key, member.body)
                yield full_name, key


def sorted_out(pins: Mapping[str, PinnedObject]) -> PinnedUpload:
    """Return the files by kind."""
    kinds = file_kinds_of(pins)
    photos = (
        PinnedPhoto(
            **dict(pins[name]),
            caption=pins.get(kinds.captions.get(name, "")),
            mask=pins.get(kinds.masks.get(name, "")),
            repeats=repeats_of(name),
        )
        for name in kinds.photos
    )
    return PinnedUpload(
        photos=tuple(sorted(photos, key=_by_content)),
        class_photos=tuple(sorted((pins[name] for name in kinds.class_photos), key=_by_content)),
        request=request_among(pins),
        settings=tuple(pins[name] for name in kinds.settings),
        names=tuple(kinds.photos),
    )


def request_among(pins: Mapping[str, PinnedObject]) -> PinnedObject | None:
    """Return the upload's request.json; a loose one goes before one in an archive.

    Of the loose ones, this spelling goes before ``Request.json``.
    """
    named = sorted((name for name in pins if is_request(name)), reverse=True)
    loose_first = sorted(named, key=lambda name: name.count("/"))
    return pins[loose_first[0]] if named else None


def _by_content(pin: PinnedObject) -> tuple[str, str]:
    return pin.etag, pin.name or pin.key


def pinned(item: StoredObject, name: str | None = None) -> PinnedObject:
    """Return the object as documents store it."""
    return PinnedObject(
        key=item.key, version_id=item.version_id, etag=item.etag, size=item.size, name=name
    )


def name_of(pin: PinnedObject, place: Place) -> str:
    """Return the user's name for a file."""
    return pin.name or pin.key.removeprefix(place.prefix)
