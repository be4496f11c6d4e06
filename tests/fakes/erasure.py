"""domain.ports.erasure in memory: tombstones and rows, executions, pools, letters and a signer."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from contracts.documents.erasure import ErasureAnswer, ErasureSubject, Store
from contracts.documents.job import JobSpec
from contracts.documents.record import JobRecord
from contracts.documents.status import UploadRow
from domain.ports.erasure import ApiRows, DuePhotos, Erasure, Held, TenantRows, UnusedModel
from tests.fakes.exports import MemoryExports
from tests.fakes.jobs import MemoryJobs
from tests.fakes.models import MemoryModels
from tests.fakes.storage import MemoryStorage

LEASE = timedelta(minutes=3)


class MemoryErasures:
    """Shares the rows of a MemoryJobs and a MemoryModels, as the one table is shared."""

    def __init__(self, jobs: MemoryJobs | None = None, models: MemoryModels | None = None) -> None:
        self.jobs = jobs or MemoryJobs()
        self.models = models or MemoryModels()
        self.rows: dict[str, Erasure] = {}
        self.api_rows: list[str] = []
        """The tenant or the model that each row names."""
        self.exports = MemoryExports()
        self.leases: dict[tuple[str, str], str | None] = {}
        self.repeats: dict[tuple[str, str], str] = {}
        """The job that stands for an upload whose content was accepted before."""

    def is_erased(self, *subjects: ErasureSubject) -> bool:
        return any(subject.erasure_id in self.rows for subject in subjects)

    def begin_accepting(self, tenant: str, upload: str, now: datetime) -> None:
        self.leases[tenant, upload] = (now + LEASE).isoformat()

    def end_accepting(self, tenant: str, upload: str) -> None:
        if (tenant, upload) in self.leases:
            self.leases[tenant, upload] = None

    def entomb(self, subject: ErasureSubject, now: datetime) -> Erasure:
        first = Erasure(subject.erasure_id, subject.kind, now.isoformat())
        return self.rows.setdefault(subject.erasure_id, first)

    def find(self, erasure_id: str) -> Erasure | None:
        return self.rows.get(erasure_id)

    def rows_of(self, tenant: str) -> TenantRows:
        records = tuple(r for r in self.jobs.records.values() if r.tenant == tenant)
        uploads = {
            upload: UploadRow(accepting_until=until)
            for (owner, upload), until in self.leases.items()
            if owner == tenant
        }
        pointed = {r.upload: UploadRow(points_to=r.job_id) for r in records}
        pointed |= {
            upload: UploadRow(points_to=job_id)
            for (owner, upload), job_id in self.repeats.items()
            if owner == tenant
        }
        return TenantRows(records, pointed | uploads)

    def stop_job(self, record: JobRecord, now: datetime) -> None:
        self.entomb(ErasureSubject(tenant=record.tenant, model_id=record.job_id), now)
        present = self.jobs.records[record.job_id]
        changed = present.model_copy(update={"erased": True, "cancel_requested": True})
        self.jobs.records[record.job_id] = changed

    def record_found(self, erasure_id: str, found: Mapping[Store, int], jobs: int) -> None:
        row = self.rows.get(erasure_id)
        if row is not None and row.found is None:
            self.rows[erasure_id] = row._replace(found=dict(found), jobs=jobs)

    def record_remaining(self, erasure_id: str, remaining: Mapping[Store, int]) -> None:
        row = self.rows.get(erasure_id)
        if row is not None:
            self.rows[erasure_id] = row._replace(remaining=dict(remaining))

    def finish(self, erasure_id: str, now: datetime) -> None:
        row = self.rows.get(erasure_id)
        if row is not None and row.finished_at is None:
            self.rows[erasure_id] = row._replace(finished_at=now.isoformat())

    def forget_job(self, record: JobRecord) -> None:
        self.jobs.records.pop(record.job_id, None)
        if record.notice_id in self.jobs.notices:
            self.jobs.notices.remove(record.notice_id)

    def forget_upload(self, tenant: str, upload: str) -> None:
        self.leases.pop((tenant, upload), None)
        self.repeats.pop((tenant, upload), None)

    def models_of(self, tenant: str) -> list[str]:
        return [name for owner, name in self.models.rows if owner == tenant]

    def exporting(self, tenant: str) -> list[str]:
        rows = (row for row in self.exports.rows.values() if row.subject.tenant == tenant)
        return [row.busy_until for row in rows if row.busy_until is not None]

    def count_api_rows(self, rows: ApiRows) -> Mapping[Store, int]:
        return {"API keys": sum(_is_wanted(row, rows) for row in self.api_rows)}

    def forget_api_rows(self, rows: ApiRows) -> None:
        self.api_rows = [row for row in self.api_rows if not _is_wanted(row, rows)]

    def forget_model(self, tenant: str, job_id: str) -> None:
        self.models.rows.pop((tenant, job_id), None)


def _is_wanted(row: str, rows: ApiRows) -> bool:
    return row == rows.tenant or row in rows.model_ids


class MemoryExecutions:
    """``running`` has the ARNs of executions that go on, ``started`` the erasures."""

    def __init__(self, *running: str) -> None:
        self.running = set(running)
        self.started: list[str] = []

    def is_running(self, execution_arn: str) -> bool:
        return execution_arn in self.running

    def start_erasure(self, subject: ErasureSubject, *, again: bool = False) -> None:
        if again or subject.erasure_id not in self.started:
            self.started.append(subject.erasure_id)


class MemoryDeadLetters:
    """Messages as texts."""

    def __init__(self, *messages: str) -> None:
        self.messages = list(messages)

    def count(self, words: Sequence[str]) -> int:
        return sum(any(word in message for word in words) for message in self.messages)

    def purge(self, words: Sequence[str]) -> None:
        self.messages = [m for m in self.messages if not any(word in m for word in words)]


class MemoryPools:
    """``kept`` has the training jobs that have left a warm pool."""

    def __init__(self, *kept: str) -> None:
        self.kept = set(kept)

    def is_kept(self, training_job_name: str) -> bool:
        return training_job_name in self.kept

    def release(self, training_job_name: str) -> bool:
        if training_job_name not in self.kept:
            return False
        self.kept.remove(training_job_name)
        return True


class MemoryVersions:
    """The versions of a MemoryStorage; ``unfinished`` has the keys of unfinished uploads."""

    def __init__(self, storage: MemoryStorage) -> None:
        self.storage = storage
        self.unfinished: list[str] = []

    def held(self, prefix: str) -> Held:
        versions = sum(
            len(found)
            - sum(gone == key for gone, _ in self.storage.gone)
            + (key in self.storage.deleted)
            for key, found in self.storage.versions.items()
            if key.startswith(prefix)
        )
        return Held(versions, sum(key.startswith(prefix) for key in self.unfinished))

    def purge(self, prefix: str) -> None:
        for key in self.keys(prefix):
            del self.storage.versions[key]
            self.storage.deleted.discard(key)
        self.unfinished = [key for key in self.unfinished if not key.startswith(prefix)]

    def purge_older(self, key: str) -> None:
        for number in range(1, len(self.storage.versions.get(key, []))):
            self.storage.forget_version(key, number)

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.storage.versions if key.startswith(prefix)]


class MemoryEraser:
    """Knows the subjects in ``known``; an erasure ends when a test says so."""

    def __init__(self, *known: ErasureSubject) -> None:
        self.known = set(known)
        self.asked: list[ErasureSubject] = []
        self.done: set[ErasureSubject] = set()
        self.withdrawn: list[ErasureSubject] = []

    def erase(self, subject: ErasureSubject, *, withdrawn: bool = False) -> ErasureAnswer:
        self.asked.append(subject)
        if withdrawn:
            self.withdrawn.append(subject)
        if subject not in self.known:
            return ErasureAnswer(erasure_id=subject.erasure_id, outcome="unknown")
        outcome = "erased" if subject in self.done else "erasing"
        return ErasureAnswer.model_validate(
            {
                "erasure_id": subject.erasure_id,
                "outcome": outcome,
                "receipt_uri": f"s3://models/receipts/{subject.erasure_id}.json",
            }
        )


class MemoryUnusedModels:
    """Rows by job, with the time of the next look."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[datetime, UnusedModel]] = {}

    def add(self, job: JobSpec, at: datetime) -> None:
        row = UnusedModel(job.job_id, job.tenant, job.upload, None)
        self.rows.setdefault(job.job_id, (at, row))

    def due(self, now: datetime) -> list[UnusedModel]:
        return [row for at, row in sorted(self.rows.values(), key=lambda one: one[0]) if at <= now]

    def look_again(self, job_id: str, at: datetime) -> None:
        self._change(job_id, at, None)

    def was_announced(self, job_id: str, now: datetime, at: datetime) -> None:
        self._change(job_id, at, now.isoformat())

    def forget(self, job_id: str) -> None:
        self.rows.pop(job_id, None)

    def _change(self, job_id: str, at: datetime, announced_at: str | None) -> None:
        if job_id in self.rows:
            self.rows[job_id] = at, self.rows[job_id][1]._replace(announced_at=announced_at)


class MemoryExpiries:
    """Rows by job; ``pointers`` has the newest job of an upload."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[datetime, DuePhotos]] = {}
        self.pointers: dict[tuple[str, str], str] = {}

    def add(self, job: JobSpec, at: datetime) -> None:
        self.rows.setdefault(job.job_id, (at, DuePhotos(job.job_id, job.tenant, job.upload)))

    def due(self, now: datetime) -> list[DuePhotos]:
        return [photos for at, photos in sorted(self.rows.values()) if at <= now]

    def newest_job(self, tenant: str, upload: str) -> str | None:
        return self.pointers.get((tenant, upload))

    def forget(self, job_id: str) -> None:
        self.rows.pop(job_id, None)
