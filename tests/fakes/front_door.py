"""domain.ports.front_door in memory."""

from datetime import datetime
from typing import Literal

from contracts.documents.api.models import Approval
from contracts.documents.api.uploads import PhotoInspected, PhotoToInspect
from contracts.documents.record import JobRecord
from contracts.documents.status import Cancellation, UploadRow
from domain.intake.one_photo import OnePhotoServices, inspect_one_photo
from domain.ports.bases import Bases
from domain.ports.decoder import DecodedPhoto, DecodeLimits, PhotoMetrics
from domain.ports.faces import FaceFinder
from domain.ports.front_door import Form, Remembered, place_of
from domain.ports.storage import Storage


class MemorySigner:
    """Signs with a word."""

    def form(self, key: str, size: int, content_type: str, seconds: int) -> Form:
        fields = {"key": key, "Content-Type": content_type, "size": f"{size}", "s": f"{seconds}"}
        return Form("https://uploads.test", fields)

    def link(self, key: str, name: str, seconds: int) -> str:
        return f"https://models.test/{key}?name={name}&seconds={seconds}"


class MemoryTenantJobs:
    def __init__(self) -> None:
        self.records: dict[str, JobRecord] = {}
        self.uploads: dict[str, UploadRow] = {}

    def get(self, job_id: str) -> JobRecord | None:
        return self.records.get(job_id)

    def of_upload(self, place: str) -> UploadRow:
        return self.uploads.get(place, UploadRow())

    def newest(self, tenant: str, limit: int, before: str | None) -> list[JobRecord]:
        rows = (job for job in self._of(tenant) if job.trial_of is None)
        return [job for job in rows if before is None or place_of(job) < before][:limit]

    def begun(self, tenant: str, first: str, last: str) -> list[JobRecord]:
        return [job for job in self._of(tenant) if first <= job.created_at <= last]

    def _of(self, tenant: str) -> list[JobRecord]:
        found = [record for record in self.records.values() if record.tenant == tenant]
        return sorted(found, key=place_of, reverse=True)


class MemoryCanceller:
    def __init__(self, jobs: MemoryTenantJobs) -> None:
        self._jobs = jobs
        self.canceled: list[str] = []

    def cancel(self, job_id: str, tenant: str) -> Cancellation:
        record = self._jobs.get(job_id)
        if record is None or record.tenant != tenant:
            return Cancellation(job_id=job_id, outcome="unknown")
        self.canceled.append(job_id)
        return Cancellation(job_id=job_id, outcome="canceling", status=record.status)


class MemoryRedriver:
    """Redrives every execution but the ones that a test names."""

    def __init__(self, *past: str) -> None:
        self.past = past
        self.redriven: list[str] = []

    def redrive(self, execution_arn: str) -> bool:
        if execution_arn in self.past:
            return False
        self.redriven.append(execution_arn)
        return True


class MemoryApprovals:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Approval] = {}

    def get(self, tenant: str, model_id: str) -> Approval | None:
        return self.rows.get((tenant, model_id))

    def put(self, tenant: str, model_id: str, approval: Approval) -> None:
        self.rows[tenant, model_id] = approval


class MemoryShortMemory:
    """Answers are kept for a day, unanswered requests for a minute."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[Remembered | None, str, float]] = {}
        self.counts: dict[tuple[str, int], int] = {}

    def begin(self, key: str, digest: str, now: datetime) -> Remembered | Literal["new", "busy"]:
        answer, _, until = self.rows.get(key, (None, "", 0.0))
        if now.timestamp() <= until:
            return answer or "busy"
        self.rows[key] = (None, digest, now.timestamp() + 60)
        return "new"

    def answered(self, key: str, answer: Remembered, now: datetime) -> None:
        self.rows[key] = (answer, answer.digest, now.timestamp() + 86_400)

    def forget(self, key: str) -> None:
        self.rows.pop(key, None)

    def count(self, name: str, seconds: int, now: datetime) -> int:
        window = (name, int(now.timestamp()) // seconds)
        self.counts[window] = self.counts.get(window, 0) + 1
        return self.counts[window]


class RealInspector:
    """Judges by the real rules, with a decoder and a finder in memory."""

    def __init__(self, uploads: Storage, bases: Bases, faces: FaceFinder | None = None) -> None:
        self._services = OnePhotoServices(uploads, bases, PlainDecoder(), faces)

    def inspect(self, asked: PhotoToInspect) -> PhotoInspected:
        return inspect_one_photo(asked, self._services)


class PlainDecoder:
    """Takes every file for a photo of 64 pixels."""

    seconds = 0.0

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:  # noqa: ARG002
        metrics = PhotoMetrics(sharpness=500, brightness=120, contrast=50, fingerprint=1)
        return DecodedPhoto(body, 64, 64, (), metrics)

    def decode_mask(self, body: bytes, width: int, height: int, limits: DecodeLimits) -> bytes:  # noqa: ARG002
        return body
