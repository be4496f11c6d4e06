"""Folders at the uploads bucket's root, which an operator gives to tenants.

Older tools upload to ``<name>-dataset/`` and know no tenants. A file there is moved to the uploads
of the folder's tenant as soon as it has arrived, and is then an upload as any other: its arrival at
its new place starts what it would have started. docs/decisions/0070-folders-at-the-root.md.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from contracts.shared.layout.uploads import OWN_FOLDERS, upload_prefix
from domain.intake.uploads import MAX_OBJECTS, find_place
from domain.ports.erasure import VersionedBucket
from domain.ports.storage import ObjectMissingError, Storage

NONE = "none"

MAX_KEY_BYTES = 1024
"""The longest key that S3 takes."""

LONG_NAME = 200
"""Characters at the beginning of a longer name that a hash stands for."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class RootBucket(NamedTuple):
    """The uploads bucket, with its old versions."""

    files: Storage
    versions: VersionedBucket


class RootFolder(NamedTuple):
    """One folder and its tenant."""

    pattern: str
    """The folder's name; a star stands for any letters."""
    tenant: str

    def fits(self, folder: str) -> bool:
        """Return whether this names the folder.

        >>> RootFolder("*-dataset", "acme").fits("anna-dataset")
        True
        """
        parts = map(re.escape, self.pattern.split("*"))
        return re.fullmatch("[A-Za-z0-9_-]*".join(parts), folder) is not None


def read_root_folders(text: str) -> tuple[RootFolder, ...]:
    """Return the folders of the parameter RootFolders.

    >>> read_root_folders("*-dataset=acme,holiday=globex")[1]
    RootFolder(pattern='holiday', tenant='globex')
    >>> read_root_folders("none")
    ()
    """
    pairs = [] if text == NONE else [pair.split("=") for pair in text.split(",")]
    return tuple(RootFolder(pattern, tenant) for pattern, tenant in pairs)


def home_of(key: str, folders: Sequence[RootFolder]) -> str | None:
    """Return the key that a file at the root gets among its tenant's uploads; None: it stays.

    >>> home_of("anna-dataset/img/1.jpg", [RootFolder("*-dataset", "acme")])
    'tenants/acme/uploads/anna-dataset/img/1.jpg'
    """
    folder, _, rest = key.partition("/")
    if not rest or folder in OWN_FOLDERS or not _NAME.fullmatch(folder):
        return None
    tenant = next((one.tenant for one in folders if one.fits(folder)), None)
    if tenant is None:
        return None
    prefix = upload_prefix(tenant, folder)
    return prefix + shortened(rest, MAX_KEY_BYTES - len(prefix.encode()))


def shortened(path: str, room: int) -> str:
    """Return a file's path below an upload; one that is too long begins with a hash.

    The new key is longer than the one at the root. What belongs together, as a photo, its caption
    and its mask, begins alike and ends in its own way, so it belongs together afterwards.

    Args:
        path: the file below its folder.
        room: bytes that are left for it.
    """
    if len(path.encode()) <= room:
        return path
    folder, slash, name = path.rpartition("/")
    if len(name) > LONG_NAME:
        name = hashed(name[:LONG_NAME]) + name[LONG_NAME:]
    whole = f"{folder}{slash}{name}"
    return whole if len(whole.encode()) <= room else f"{hashed(folder)}/{name}"


def hashed(text: str) -> str:
    """Return a short name that stands for a long one."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def move(
    key: str, version_id: str | None, bucket: RootBucket, folders: Sequence[RootFolder]
) -> None:
    """Move a file to its tenant's uploads; a file of no mapped folder stays where it is.

    The file that starts an upload is moved after all that is beside it: photos whose events come
    later are already there when the upload starts.

    Args:
        key: the file at the root.
        version_id: the version that the event is about.
        bucket: the uploads bucket.
        folders: whose the folders are.
    """
    home = home_of(key, folders)
    if home is None:
        return
    if find_place(home) is not None:
        folder = key.partition("/")[0] + "/"
        beside = [one.key for one in bucket.files.list(folder, MAX_OBJECTS) if one.key != key]
        for other in beside:
            target = home_of(other, folders)
            if target is not None and find_place(target) is None:
                move_newest(other, target, bucket)
    present = bucket.files.head(key)
    if present is not None and version_id in {None, present.version_id}:
        move_newest(key, home, bucket)


def move_newest(key: str, home: str, bucket: RootBucket) -> None:
    """Move the newest version of a file, and delete the older ones, which it has replaced.

    A file that another event has moved is not there any more.
    """
    newest = bucket.files.head(key)
    if newest is None:
        return
    bucket.versions.purge_older(key)
    try:
        bucket.files.copy(key, home, newest.version_id)
    except ObjectMissingError:  # a newer one came, whose event moves it
        return
    bucket.files.delete(key, newest.version_id)
