"""The outputs of a training job: log lines, failures and result files.

No output contains a user's text: only codes, numbers and texts of this program. Every log line
names its job, or the plan if it is about all jobs.
"""

import hashlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.codes import CODES
from contracts.documents.photos import PhotoVerdict
from contracts.documents.training import TrainingFailure, TrainingResult
from contracts.shared.layout.container import RESULT_FILE

NO_SPACE = 28


class TrainingError(Exception):
    """A failure with a code from contracts.codes; its text contains nothing of a user."""

    def __init__(self, code: str, message: str, photos: tuple[PhotoVerdict, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.photos = photos
        """The verdicts on the photos, if they are the reason."""


class PreemptedError(Exception):
    """SIGTERM has come: SageMaker stops the job, and a later attempt may resume it."""


_log_context: list[str] = []
"""What the current lines are about, innermost last; global, since the watchdog reads it too."""


@contextmanager
def log_context(**subject: str) -> Iterator[None]:
    """Add ``job_id`` or ``plan_id`` to every line that is logged meanwhile."""
    _log_context.append(" ".join(f"{name}={value}" for name, value in subject.items()))
    try:
        yield
    finally:
        _log_context.pop()


def with_log_context(line: str) -> str:
    """Return a line with the current context, unless it names a job itself."""
    return line if "job_id=" in line or not _log_context else f"{line} {_log_context[-1]}"


def log(line: str) -> None:
    """Write one line to the training job's log, unbuffered."""
    sys.stdout.write(f"{with_log_context(line)}\n")
    sys.stdout.flush()


def describe_failure(error: Exception) -> TrainingFailure:
    """Return the failure of ``error``; log the stack unless it is a TrainingError."""
    if isinstance(error, TrainingError):
        return TrainingFailure(code=error.code, message=error.message)
    # The stack is logged without the message: a library's message may quote a prompt.
    stack = "".join(traceback.format_tb(error.__traceback__)).splitlines()
    sys.stderr.writelines(f"{with_log_context(line)}\n" for line in (*stack, type(error).__name__))
    code = _code_of(error)
    return TrainingFailure(code=code, message=f"{CODES[code].text} ({type(error).__name__})")


def verdicts_of(error: Exception) -> tuple[PhotoVerdict, ...]:
    """Return the verdicts on photos that a failure is about; () for other failures."""
    return error.photos if isinstance(error, TrainingError) else ()


def _code_of(error: Exception) -> str:
    if type(error).__name__ == "OutOfMemoryError":
        return "out_of_memory"
    if isinstance(error, OSError) and error.errno == NO_SPACE:
        return "disk_full"
    if type(error).__name__ == "SafetensorError" and f"os error {NO_SPACE}" in str(error):
        return "disk_full"
    return "training_failed"


def write_result(folder: Path, result: TrainingResult) -> None:
    """Commit a task: ``result.json`` is written atomically, after all files that it names."""
    named = result.model_copy(update={"training_job_name": os.environ.get("TRAINING_JOB_NAME")})
    write_atomically(folder / RESULT_FILE, named.model_dump_json(indent=2).encode())


def read_result(folder: Path) -> TrainingResult | None:
    """Return a committed success whose files are all intact; else the task must be done again."""
    path = folder / RESULT_FILE
    if not path.is_file():
        return None
    result = TrainingResult.model_validate_json(path.read_bytes())
    whole = all(_matches(folder / name, sha256) for name, sha256 in result.files.items())
    return result if result.status == "succeeded" and whole else None


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that no reader, not even SageMaker's sync, sees a part of it."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path to write to; the file replaces ``path`` at the end and is deleted on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)  # frees space if the disk is full
        raise


def write_failure(root: Path, failure: TrainingFailure) -> None:
    """Write the file whose first 1024 characters become the job's FailureReason."""
    path = root / "output" / "failure"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{failure.code}: {failure.message}"[:1024])


def sha256_of(path: Path) -> str:
    """Return the hash of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _matches(path: Path, sha256: str) -> bool:
    return path.is_file() and os.access(path, os.R_OK) and sha256_of(path) == sha256
