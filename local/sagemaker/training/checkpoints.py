"""Checkpoints: restored when a job starts, copied to S3 while it runs, never deleted there."""

from pathlib import Path

from botocore.exceptions import ClientError

from local.cloud.typing_aliases import Stock
from local.sagemaker import s3 as s3_module
from local.sagemaker.api.errors import ContainerFault
from local.sagemaker.s3 import Place

Version = tuple[int, int]
"""Time of change in nanoseconds and size."""


class CheckpointSync:
    """Between one folder and one S3 prefix."""

    def __init__(self, s3: Stock, folder: Path, uri: str) -> None:
        self._s3 = s3
        self._folder = folder
        place = s3_module.parse_uri(uri)
        self._prefix = Place(place.bucket, place.key.rstrip("/") + "/" if place.key else "")
        self._known: dict[Path, Version] = {}

    def restore(self) -> None:
        """Download what an earlier attempt has left."""
        try:
            for key in s3_module.list_keys(self._s3, self._prefix):
                file = s3_module.inside(self._folder, key[len(self._prefix.key) :])
                if file is not None:
                    s3_module.get(self._s3, Place(self._prefix.bucket, key), file)
                    self._known[file] = _version(file)
        except ClientError as error:
            reason = f"ClientError: Restoring checkpoints failed: {error}"
            raise ContainerFault(reason) from error

    def push(self) -> None:
        """Upload what has changed, the oldest first.

        Raises:
            ContainerFault: the role may not write there.
        """
        for version, file in sorted(self._changed()):
            try:
                content_of = file.relative_to(self._folder).as_posix()
                place = Place(self._prefix.bucket, self._prefix.key + content_of)
                s3_module.put(self._s3, file, place)
            except FileNotFoundError:
                continue  # renamed or removed since: the next round sees what it became
            except ClientError as error:
                reason = f"ClientError: Uploading checkpoints failed: {error}"
                raise ContainerFault(reason) from error
            self._known[file] = version

    def _changed(self) -> list[tuple[Version, Path]]:
        found = []
        for file in self._folder.rglob("*"):
            try:
                version = _version(file)
            except FileNotFoundError:
                continue
            if file.is_file() and self._known.get(file) != version:
                found.append((version, file))
        return found


class Mirrors:
    """All folders of a job that go to S3 while it runs."""

    def __init__(self, syncs: list[CheckpointSync]) -> None:
        self._syncs = syncs

    def push(self) -> None:
        """Upload what has changed in each."""
        for sync in self._syncs:
            sync.push()


def _version(file: Path) -> Version:
    status = file.stat()
    return status.st_mtime_ns, status.st_size
