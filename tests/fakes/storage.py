"""domain.ports.storage.Storage in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import md5

from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, StoredObject

FIRST_WRITE = datetime(2026, 11, 21, tzinfo=UTC)


class MemoryStorage:
    """A bucket that keeps every version, as UploadsBucket does; the version id is a count."""

    def __init__(self, bucket: str = "bucket") -> None:
        self._bucket = bucket
        self.versions: dict[str, list[bytes]] = {}
        self.deleted: set[str] = set()
        self.gone: set[tuple[str, int]] = set()
        """Versions that were deleted for good."""
        self.stored: dict[str, datetime] = {}
        self.content_types: dict[str, str] = {}
        """When each key was written: each write is a second after the one before."""

    @property
    def objects(self) -> dict[str, bytes]:
        """The newest bytes under each key."""
        return {
            key: self.versions[key][newest - 1]
            for key in sorted(self.versions)
            if key not in self.deleted and (newest := self._newest(key)) is not None
        }

    def forget_version(self, key: str, number: int) -> None:
        """Delete a version's bytes for good; the other versions keep their ids."""
        self.gone.add((key, number))
        self.versions[key][number - 1] = b""

    def _newest(self, key: str) -> int | None:
        """Return the id of the newest version that is left."""
        left = [n for n in range(1, len(self.versions[key]) + 1) if (key, n) not in self.gone]
        return left[-1] if left else None

    def uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def list(self, prefix: str, limit: int) -> "list[StoredObject]":
        found = [
            StoredObject(key, _etag(body), len(body), modified=self.stored.get(key))
            for key, body in self.objects.items()
            if key.startswith(prefix)
        ]
        return found[:limit]

    def head(self, key: str) -> StoredObject | None:
        body = self.objects.get(key)
        if body is None:
            return None
        return StoredObject(key, _etag(body), len(body), str(self._newest(key)))

    def key_of(self, prefix: str, version_id: str | None, etag: str | None) -> str | None:
        """Version ids are counts, which keys share: a test gives the ETag too, or one key."""
        for key, versions in sorted(self.versions.items()):
            for number, body in enumerate(versions, 1):
                is_it = version_id in {None, str(number)} and etag in {None, _etag(body)}
                if key.startswith(prefix) and is_it and (key, number) not in self.gone:
                    return key
        return None

    def heads(self, keys: Sequence[str]) -> tuple[StoredObject, ...]:
        return tuple(found for key in keys if (found := self.head(key)) is not None)

    def read(self, key: str, limit: int, version_id: str | None = None) -> bytes:
        body = self._find(key, version_id)
        if len(body) > limit:
            raise ObjectTooLargeError
        return body

    def write(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        self.content_types[key] = content_type
        self.versions.setdefault(key, []).append(body)
        self.stored[key] = FIRST_WRITE + timedelta(seconds=sum(map(len, self.versions.values())))
        self.deleted.discard(key)

    def copy(self, source: str, target: str, version_id: str | None = None) -> None:
        self.write(target, self._find(source, version_id))

    def delete(self, key: str, version_id: str | None = None) -> None:
        if version_id is None:
            self.deleted.add(key)
        elif int(version_id) <= len(self.versions.get(key, [])):
            self.forget_version(key, int(version_id))
            if self._newest(key) is None:
                del self.versions[key]
                self.gone = {(other, n) for other, n in self.gone if other != key}

    def _find(self, key: str, version_id: str | None) -> bytes:
        versions = self.versions.get(key, [])
        if version_id is not None:
            index = int(version_id) - 1
            if index >= len(versions) or (key, index + 1) in self.gone:
                raise ObjectMissingError
            return versions[index]
        if key not in self.objects:
            raise ObjectMissingError
        return self.objects[key]


def _etag(body: bytes) -> str:
    return md5(body, usedforsecurity=False).hexdigest()
