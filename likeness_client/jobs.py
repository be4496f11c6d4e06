"""How a job goes on, and how to stop it: reads the jobs table, calls the cancel function."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3

from contracts.codes import CODES
from contracts.documents.record import JobRecord
from contracts.documents.status import CancelJobInput, Cancellation, StatusChange, UploadRow
from contracts.shared.layout.rows import upload_row
from contracts.shared.layout.uploads import upload_prefix
from likeness_client.aws_errors import CONFIG
from likeness_client.defaults import PATIENCE_SECONDS
from likeness_client.exit_codes import ExitCode
from likeness_client.functions import call
from likeness_client.job_lines import job_line, step_words, waiting_words

ENDED = {"succeeded", "failed", "canceled"}
EVERY_SECONDS = 2.0

JOB_ID = re.compile(r"[0-9a-f]{32}")
UPLOAD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}/[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class UnknownJobError(Exception):
    """The table has no job or upload of this name; the text says what to do."""


@dataclass(frozen=True)
class RefusedUpload:
    """An upload whose newest request was refused before it became a job."""

    upload: str
    """``<tenant>/<upload>``."""

    code: str
    """From contracts.codes."""


Found = StatusChange | RefusedUpload


class Jobs:
    """Reads one jobs table; a job goes by its id, or by the upload it began with."""

    def __init__(self, table: str, session: Any = None) -> None:  # noqa: ANN401 (boto3's)
        self.name = table
        self._table = (session or boto3).resource("dynamodb", config=CONFIG).Table(table)

    def find(self, job: str) -> Found | None:
        """Return how a job stands, that its upload was refused, or None when nothing is known yet.

        Args:
            job: its id, or ``<tenant>/<upload>``.

        Raises:
            UnknownJobError: it is neither, or the table has no job of this id.
        """
        if JOB_ID.fullmatch(job):
            return self._job(job)
        check_name(job)
        row = UploadRow.model_validate(self._row(upload_row(job)))
        if row.refused_code is not None:
            return RefusedUpload(job, row.refused_code)
        return None if row.points_to is None else self._job(row.points_to)

    def get(self, job: str) -> Found:
        """Return what ``find`` does.

        Raises:
            UnknownJobError: also when nothing is known yet.
        """
        found = self.find(job)
        if found is None:
            place = upload_prefix(*job.split("/"))
            raise UnknownJobError(
                f"there is no job of the name {job}. The table {self.name} knows no request of this"
                " upload, neither accepted nor refused. Check tenant, upload and table, and"
                f" that request.json is under {place} in the uploads bucket"
            )
        return found

    def changes(
        self,
        job: str,
        sleep: Callable[[float], None] = time.sleep,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Iterator[Found]:
        """Yield how a job stands at each change, until it has ended.

        An upload may not be accepted yet, so it is looked for until ``patience_seconds`` are over.

        Raises:
            UnknownJobError: there is no such job, or the upload was not accepted by then.
        """
        last = self.wait_for(job, sleep, patience_seconds)
        yield last
        while not has_ended(last):
            sleep(EVERY_SECONDS)
            now = self.get(job)
            if describe(now) != describe(last):
                yield now
            last = now

    def wait_for(
        self,
        job: str,
        sleep: Callable[[float], None] = time.sleep,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Found:
        """Return what ``find`` does, as soon as something is known.

        Raises:
            UnknownJobError: there is no such job, or nothing was known after ``patience_seconds``.
        """
        waited = 0.0
        while (found := self.find(job)) is None and waited < patience_seconds:
            if waited == 0:
                _complain(f"{job} is not accepted yet; waiting for {patience_seconds:.0f} s")
            sleep(EVERY_SECONDS)
            waited += EVERY_SECONDS
        return found or self.get(job)

    def record(self, job_id: str) -> JobRecord:
        """Return a job's whole record, with its training job and its costs.

        Raises:
            UnknownJobError: there is no such job.
        """
        self._job(job_id)
        return JobRecord.model_validate(self._row(job_id))

    def _job(self, job_id: str) -> StatusChange:
        row = self._row(job_id)
        known = {name: value for name, value in row.items() if name in StatusChange.model_fields}
        if not known:
            raise UnknownJobError(
                f"there is no job {job_id} in the table {self.name}. An id is only known once the"
                " job is there, so waiting does not help. Check id and table, or name the upload:"
                " TENANT/UPLOAD"
            )
        return StatusChange.model_validate(known)

    def _row(self, key: str) -> dict[str, Any]:
        answer = self._table.get_item(Key={"job_id": key}, ConsistentRead=True)
        row: dict[str, Any] = answer.get("Item", {})
        return row


def check_name(job: str) -> None:
    """Let only what may name a job pass.

    Raises:
        UnknownJobError: it is neither a job's id nor ``<tenant>/<upload>``.
    """
    if not JOB_ID.fullmatch(job) and not UPLOAD.fullmatch(job):
        raise UnknownJobError(
            f"{job!r} names no job. Give a job id (32 hexadecimal digits) or TENANT/UPLOAD"
        )


def cancel(job_id: str, function: str, session: Any = None) -> Cancellation:  # noqa: ANN401
    """Ask a stack's cancel function to stop a job.

    Raises:
        FunctionFailedError: the function failed.
    """
    return call(function, CancelJobInput(job_id=job_id), Cancellation, session)


def has_ended(found: Found) -> bool:
    """Tell whether nothing more will happen by itself."""
    return isinstance(found, RefusedUpload) or found.status in ENDED


def describe(found: Found) -> str:
    """Return one line about a job, or about an upload that never became one.

    >>> describe(StatusChange(job_id="0" * 32, tenant="t", upload="u", status="processing",
    ...     stage="TrainAdapter", percent=40, step=4, total_steps=10, eta_seconds=75,
    ...     updated_at="now"))
    'processing  TrainAdapter   40 %  step 4 of 10, about 75 s to the last one'
    >>> describe(RefusedUpload("acme/u1", "too_many_photos"))
    'refused     AcceptRequest        too_many_photos'
    """
    if isinstance(found, RefusedUpload):
        return f"{'refused':<10}  {'AcceptRequest':<13}        {found.code}"
    return job_line(found.status, found.stage, found.percent, details(found))


def details(status: StatusChange) -> str:
    """Return what there is to say beyond the stage."""
    if status.code is not None:
        return status.code
    if status.queue_place is not None:
        quote = f'; AWS answers: "{status.refusal}"' if status.refusal else ""
        return waiting_words(status.queue_place, status.waiting_for) + quote
    if status.eta_seconds is not None:
        return step_words(status.step, status.total_steps, status.eta_seconds)
    return ""


def verdict(found: Found) -> str:
    """Return why a job ended badly and what to do; nothing while it goes on or has succeeded."""
    if found.code not in CODES or not is_bad(found):
        return ""
    entry = CODES[found.code]
    words = [f"{entry.title}. {entry.text}", entry.hint]
    if isinstance(found, RefusedUpload):
        words.append("`likeness check FOLDER` lists every problem of a folder.")
    return "\n".join(f"  {line}" for line in words if line)


def is_bad(found: Found) -> bool:
    """Tell whether the job failed, was canceled, or was refused."""
    return isinstance(found, RefusedUpload) or found.status in {"failed", "canceled"}


def show(table: str, job: str, *, watch: bool, patience_seconds: float) -> int:
    """Print how a job stands, once or at each change; DONE: it has succeeded or goes on.

    Raises:
        UnknownJobError: there is no such job.
    """
    check_name(job)
    jobs = Jobs(table)
    states = (
        jobs.changes(job, patience_seconds=patience_seconds) if watch else iter([jobs.get(job)])
    )
    code = ExitCode.DONE
    for found in states:
        _print(describe(found))
        if is_bad(found):
            code = ExitCode.REFUSED
            _print(verdict(found))
    return code


def stop(table: str, job: str, function: str, *, patience_seconds: float) -> int:
    """Cancel a job, and say what became of it; an upload is waited for until it is accepted.

    Raises:
        UnknownJobError: there is no such job.
        FunctionFailedError: the cancel function failed.
    """
    check_name(job)
    found = Jobs(table).wait_for(job, patience_seconds=patience_seconds)
    if isinstance(found, RefusedUpload):
        _print(f"too_late (the request was refused: {found.code})")
        return ExitCode.REFUSED
    answer = cancel(found.job_id, function)
    _print(f"{answer.outcome} (it was {answer.status})")
    return ExitCode.DONE if answer.outcome == "canceling" else ExitCode.REFUSED


def _print(line: str) -> None:
    if line:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"likeness: {line}\n")
    sys.stderr.flush()
