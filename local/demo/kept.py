"""What an earlier demo has trained: copied from S3 to disk while it runs, put back by the next one.

The embedded AWS forgets everything when it stops. A job's id comes from the photos, the request
and the base alone, so the next demo's training job has the same checkpoint prefix. SageMaker
restores it into the container, and the trainer goes on from the last saved step, or finds its
result.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.shared.layout.container import RESULT_FILE

PREFIX, CHECKPOINTS = "training/", "/checkpoints/"
STATES = "/state/"
LAST = (RESULT_FILE, "prior.json")
"""Their arrival is news that the files beside them are there."""


class Kept:
    """One folder on disk for one version of the code, and the models bucket."""

    def __init__(self, folder: Path, s3: Any, bucket: str) -> None:
        self._folder, self._s3, self._bucket = folder, s3, bucket
        self._saved: dict[str, str] = {}

    def save(self) -> None:
        """Copy every checkpoint that is new in S3 to disk."""
        for key, etag in self._listed():
            if self._saved.get(key) == etag:
                continue
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            self._write(key, body)
            self._saved[key] = etag

    def restore(self) -> int:
        """Put every kept file back into S3; return how many there are."""
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        files = [path for path in files if path.suffix != ".half"]
        for path in sorted(files, key=lambda path: path.name in LAST):
            key = path.relative_to(self._folder).as_posix()
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=path.read_bytes())
        return len(files)

    def forget_others(self) -> None:
        """Remove what another version of the code has trained."""
        for other in self._folder.parent.glob("*"):
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    def forget(self) -> None:
        """Remove everything, so that the training begins anew."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def forget_states(self) -> None:
        """Remove the saved steps of a training that has come to its result."""
        if self.has_adapter:
            for state in [path for path in self._folder.rglob("*") if _is_state(path)]:
                state.unlink()

    @property
    def has_adapter(self) -> bool:
        """Whether a training has come to a result that passed the gate."""
        return any(is_good(path) for path in self._folder.rglob(RESULT_FILE))

    @property
    def has_state(self) -> bool:
        """Whether a training has saved a step."""
        return any(_is_state(path) for path in self._folder.rglob("*"))

    def _listed(self) -> Iterator[tuple[str, str]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=PREFIX
        )
        for page in pages:
            for entry in page.get("Contents", ()):
                if CHECKPOINTS in entry["Key"]:
                    yield entry["Key"], entry["ETag"]

    def _write(self, key: str, body: bytes) -> None:
        """Write beside and rename, so that a file that exists is whole."""
        path = self._folder / key
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise ValueError(f"{key} leads out of {self._folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(path.name + ".half")
        half.write_bytes(body)
        half.replace(path)


def is_good(path: Path) -> bool:
    """Return whether a result is one of an adapter that passed."""
    found = json.loads(path.read_bytes())
    return isinstance(found, dict) and found.get("status") == "succeeded"


def _is_state(path: Path) -> bool:
    return STATES in path.as_posix() and path.is_file()
