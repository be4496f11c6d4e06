"""How a training job speaks: its failures, its log lines, its result files.

Nothing here ever holds a user's text: codes, numbers and our own words only. Every line names the
job that it is about, or the plan when it is about all of them.
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
from contracts.shared.layout import RESULT_FILE

NO_SPACE = 28


class TrainingError(Exception):
    """A failure with a code from contracts.codes; the text is ours, never a user's."""

    def __init__(self, code: str, message: str, photos: tuple[PhotoVerdict, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.photos = photos
        """The verdicts, where the photos are the reason."""


class PreemptedError(Exception):
    """SageMaker wants the machine back: what was saved is enough to go on later."""


_log_context: list[str] = []
"""What is worked on, the innermost last. Of the process, since the watchdog speaks of it too."""


@contextmanager
def log_context(**subject: str) -> Iterator[None]:
    """Let every line that is said meanwhile name its subject, ``job_id`` or ``plan_id``."""
    _log_context.append(" ".join(f"{name}={value}" for name, value in subject.items()))
    try:
        yield
    finally:
        _log_context.pop()


def with_log_context(line: str) -> str:
    """Return a line with its subject, if it does not name a job by itself."""
    return line if "job_id=" in line or not _log_context else f"{line} {_log_context[-1]}"


def log(line: str) -> None:
    """Write one line to the training job's log, at once."""
    sys.stdout.write(f"{with_log_context(line)}\n")
    sys.stdout.flush()


def describe_failure(error: Exception) -> TrainingFailure:
    """Return the code of ``error``; for one we did not foresee, log where it happened."""
    if isinstance(error, TrainingError):
        return TrainingFailure(code=error.code, message=error.message)
    # The stack without the message: a library's message may quote a prompt.
    stack = "".join(traceback.format_tb(error.__traceback__)).splitlines()
    sys.stderr.writelines(f"{with_log_context(line)}\n" for line in (*stack, type(error).__name__))
    code = _code_of(error)
    return TrainingFailure(code=code, message=f"{CODES[code].text} ({type(error).__name__})")


def verdicts_of(error: Exception) -> tuple[PhotoVerdict, ...]:
    """Return the verdicts that a failure is about, if it is about photos."""
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
    """Commit a task: ``result.json`` appears whole and after everything that it names."""
    named = result.model_copy(update={"training_job_name": os.environ.get("TRAINING_JOB_NAME")})
    write_atomically(folder / RESULT_FILE, named.model_dump_json(indent=2).encode())


def read_result(folder: Path) -> TrainingResult | None:
    """Return a committed success whose files are all there; anything else is to be done again."""
    path = folder / RESULT_FILE
    if not path.is_file():
        return None
    result = TrainingResult.model_validate_json(path.read_bytes())
    whole = all(_matches(folder / name, sha256) for name, sha256 in result.files.items())
    return result if result.status == "succeeded" and whole else None


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``path`` so that no reader, SageMaker's sync included, sees half of it."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield where to write what becomes ``path`` at the end; a failed attempt leaves nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)  # also makes room, where the disk is full
        raise


def write_failure(root: Path, failure: TrainingFailure) -> None:
    """Write the file whose first 1024 characters become the training job's FailureReason."""
    path = root / "output" / "failure"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{failure.code}: {failure.message}"[:1024])


def sha256_of(path: Path) -> str:
    """Return the hash of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _matches(path: Path, sha256: str) -> bool:
    return path.is_file() and os.access(path, os.R_OK) and sha256_of(path) == sha256
