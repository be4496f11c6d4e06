"""Checkpoints: downloaded when a job starts, uploaded while it runs, never deleted in S3."""

from pathlib import Path

from botocore.exceptions import ClientError

from local.cloud.typing_aliases import Stock
from local.sagemaker import s3 as s3_module
from local.sagemaker.api.errors import ContainerFault
from local.sagemaker.s3 import S3Location

Version = tuple[int, int]
"""A file's modification time in nanoseconds, and its size."""


class CheckpointSync:
    """Copies files between one folder and one S3 prefix."""

    def __init__(self, s3: Stock, folder: Path, uri: str) -> None:
        self._s3 = s3
        self._folder = folder
        location = s3_module.parse_uri(uri)
        self._prefix = S3Location(
            location.bucket, location.key.rstrip("/") + "/" if location.key else ""
        )
        self._known: dict[Path, Version] = {}

    def restore(self) -> None:
        """Download the files of an earlier attempt."""
        try:
            for key in s3_module.list_keys(self._s3, self._prefix):
                file = s3_module.inside(self._folder, key[len(self._prefix.key) :])
                if file is not None:
                    s3_module.get(self._s3, S3Location(self._prefix.bucket, key), file)
                    self._known[file] = _version(file)
        except ClientError as error:
            reason = f"ClientError: Restoring checkpoints failed: {error}"
            raise ContainerFault(reason) from error

    def push(self) -> None:
        """Upload changed files, the oldest change first.

        Raises:
            ContainerFault: the role may not write there.
        """
        for version, file in sorted(self._changed()):
            try:
                content_of = file.relative_to(self._folder).as_posix()
                location = S3Location(self._prefix.bucket, self._prefix.key + content_of)
                s3_module.put(self._s3, file, location)
            except FileNotFoundError:
                continue  # renamed or removed meanwhile; the next call sees the new name
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
    """Every folder of a job that is uploaded while it runs."""

    def __init__(self, syncs: list[CheckpointSync]) -> None:
        self._syncs = syncs

    def push(self) -> None:
        """Upload the changed files of each folder."""
        for sync in self._syncs:
            sync.push()


def _version(file: Path) -> Version:
    status = file.stat()
    return status.st_mtime_ns, status.st_size
