"""What a mock key gets: made-up answers through the real routes; nothing is stored or trained.

``GET /v1/jobs`` lists a job of every status, and a failed one for every code of docs/codes.md. The
header ``Mock-Error: <code>`` makes any request end with that error of the API.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from contracts.codes import CODES
from contracts.documents.api.aliases import Alias, Figures, Version
from contracts.documents.api.members import MemberRole, MemberView
from contracts.documents.api.uploads import PhotoInspected, PhotoToInspect
from contracts.documents.appeal import AppealRow
from contracts.documents.audit import AuditEntry
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureAnswer, ErasureSubject
from contracts.documents.export import ExportInput, ExportRow
from contracts.documents.model import ModelRecord
from contracts.documents.record import JobRecord, Status
from contracts.documents.status import Cancellation, UploadRow
from contracts.documents.takedown import TakedownCase
from contracts.documents.training import GateReport, TrainingResult
from contracts.shared import layout
from contracts.shared.limits import MIN_SIDE
from domain.pictures.ordering import OrderServices
from domain.ports.aliases import VersionKey
from domain.ports.erasure import Held
from domain.ports.front_door import Form, place_of
from domain.ports.storage import ObjectMissingError, StoredObject
from http_api.mock_pictures import MockPictureQueue, MockPictures, mock_picture
from http_api.services import Services

HEADER = "mock-error"
TENANT = "mock"
UPLOAD = "mock-upload"
ADDRESS = "https://mock.invalid"
"""A name that can never be resolved (RFC 2606)."""

MOCK_MEMBER = "00000000-0000-4000-8000-000000000000"
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
PLAIN: tuple[Status, ...] = ("succeeded", "starting", "processing", "canceled")


def job_id_of(name: str) -> str:
    """Return the id of a made-up job; the same for the same name."""
    return sha256(name.encode()).hexdigest()[:32]


MOCK_IMPORT = job_id_of("imported")
"""Id of a made-up import that has succeeded."""

READY = (job_id_of("succeeded"), MOCK_IMPORT)
"""Ids of the made-up jobs that have a model; the first one's is listed."""


def mock_jobs(tenant: str) -> dict[str, JobRecord]:
    """Return a job of every status and every code, and an import."""
    failures = [code for code, entry in CODES.items() if entry.who != "nobody"]
    wanted: list[tuple[str, Status, str | None]] = [
        *((job_id_of(status), status, None) for status in PLAIN),
        *((job_id_of(f"failed-{code}"), "failed", code) for code in failures),
        (MOCK_IMPORT, "succeeded", None),
    ]
    found = {}
    for job_id, status, code in wanted:
        found[job_id] = JobRecord(
            job_id=job_id, tenant=tenant, upload=UPLOAD, base_id=TENANT, execution_arn=TENANT,
            kind="import" if job_id == MOCK_IMPORT else "training",
            status=status, stage="NotifyOwner" if status == "succeeded" else "TrainAdapter",
            percent=100 if status == "succeeded" else 50, plan_id=job_id, code=code,
            created_at=MADE_AT, updated_at=MADE_AT,
        )  # fmt: skip
    return found


class MockAudit:
    """Nothing was done, so nothing is recorded."""

    def add(self, _tenant: str, _entry: AuditEntry) -> None:
        """Forget it."""

    def of(self, tenant: str, limit: int, before: str | None) -> list[AuditEntry]:  # noqa: ARG002
        """Return that nothing was done."""
        return []


class MockAppeals:
    """Nobody has appealed; a mock key sees no real appeal."""

    def add(self, _row: AppealRow) -> bool:
        """Forget it."""
        return True

    def get(self, _appeal_id: str) -> AppealRow | None:
        """Return that there is none."""
        return None

    def newest(self, limit: int, before: str | None) -> list[AppealRow]:  # noqa: ARG002
        """Return that there is none."""
        return []

    def replace(self, before: AppealRow, after: AppealRow) -> bool:  # noqa: ARG002
        """Forget the change."""
        return True


class MockTakedowns:
    """Nobody has reported anything; a mock key sees no real case."""

    def add(self, _case: TakedownCase) -> None:
        """Forget it."""

    def get(self, _case_id: str) -> TakedownCase | None:
        """Return that there is none."""
        return None

    def newest(self, limit: int, before: str | None) -> list[TakedownCase]:  # noqa: ARG002
        """Return that there is none."""
        return []

    def replace(self, before: TakedownCase, after: TakedownCase) -> bool:  # noqa: ARG002
        """Forget the change."""
        return True


@dataclass(frozen=True)
class MockStores:
    """Every store of Services that holds something of a tenant; all writes are forgotten."""

    tenant: str

    # ---- jobs and models

    def get(self, job_id: str) -> JobRecord | None:
        """Return a made-up job."""
        return mock_jobs(self.tenant).get(job_id)

    def of_upload(self, _place: str) -> UploadRow:
        """Return that every upload was accepted."""
        return UploadRow(points_to=READY[0])

    def newest(self, tenant: str, limit: int, before: str | None) -> list[JobRecord]:
        """Return made-up jobs."""
        rows = sorted(mock_jobs(tenant).values(), key=place_of, reverse=True)
        return [job for job in rows if before is None or place_of(job) < before][:limit]

    def begun(self, tenant: str, first: str, last: str) -> list[JobRecord]:
        """Return the made-up jobs of a time."""
        return [job for job in mock_jobs(tenant).values() if first <= job.created_at <= last]

    def cancel(self, job_id: str, _tenant: str) -> Cancellation:
        """Return that a job is being cancelled."""
        return Cancellation(job_id=job_id, outcome="canceling", status="processing")

    # ---- signed forms and links

    def form(self, key: str, size: int, content_type: str, seconds: int) -> Form:  # noqa: ARG002
        """Return a form that leads nowhere."""
        return Form(ADDRESS, {"key": key, "Content-Type": content_type})

    def link(self, key: str, name: str, seconds: int) -> str:  # noqa: ARG002
        """Return a link that leads nowhere."""
        return f"{ADDRESS}/{name}"


class MockModels:
    """A model that was trained, which is listed, and one that was imported."""

    def record(self, _model: ModelRecord) -> None:
        """Forget the model."""

    def of(self, tenant: str, model_id: str | None = None) -> list[ModelRecord]:
        """Return the made-up model."""
        job_id = READY[0] if model_id is None else model_id
        if job_id not in READY:
            return []
        weights = sha256(TENANT.encode()).hexdigest()
        record = ModelRecord(
            tenant=tenant, model_id=job_id, target_model=f"{job_id}-{weights[:12]}.tar.gz",
            weights_sha256=weights, base_id=TENANT, trigger_word="sks", endpoint_name=TENANT,
            created_at=MADE_AT,
        )  # fmt: skip
        return [record]


class MockBucket:
    """Holds one photo under every upload, and the result of the made-up model."""

    def uri(self, key: str) -> str:
        """Return an address that leads nowhere."""
        return f"s3://mock.invalid/{key}"

    def list(self, prefix: str, limit: int) -> "list[StoredObject]":  # noqa: ARG002
        """Return one photo."""
        return [StoredObject(f"{prefix}000.jpg", TENANT, 1)]

    def head(self, key: str) -> StoredObject | None:
        """Return that everything is there but markers."""
        return (
            None if key.startswith(layout.models.DISABLED_PREFIX) else StoredObject(key, TENANT, 1)
        )

    def heads(self, keys: Sequence[str]) -> tuple[StoredObject, ...]:
        """Return that everything is there."""
        return tuple(StoredObject(key, TENANT, 1) for key in keys)

    def read(self, key: str, limit: int, version_id: str | None = None) -> bytes:  # noqa: ARG002
        """Return a photo of one byte, a picture that says MOCK, or the made-up result."""
        if key.endswith(".png"):
            return mock_picture()
        if not key.endswith(layout.container.RESULT_FILE):
            return b"x"
        job_id = next((one for one in READY if key == layout.models.result_key(one, one)), None)
        if job_id is None:
            raise ObjectMissingError
        weights = sha256(TENANT.encode()).hexdigest()
        gate = GateReport(passed=True, effect=0.1, identity=0.8)
        file = f"{layout.container.ADAPTER_FOLDER}/{layout.container.DIFFUSERS_FILE}"
        result = TrainingResult(job_id=job_id, status="succeeded", files={file: weights}, gate=gate)
        return result.model_dump_json().encode()

    def write(self, key: str, body: bytes, content_type: str = "") -> None:
        """Forget it."""

    def copy(self, source: str, target: str, version_id: str | None = None) -> None:
        """Forget it."""

    def delete(self, key: str, version_id: str | None = None) -> None:
        """Forget it."""


class MockRedriver:
    """Says of every execution that it goes on."""

    def redrive(self, _execution_arn: str) -> bool:
        """Return that the execution goes on."""
        return True


class MockVersions:
    """Holds nothing."""

    def held(self, _prefix: str) -> Held:
        """Return that nothing is there."""
        return Held(0, 0)

    def purge(self, prefix: str) -> None:
        """Delete nothing."""

    def purge_older(self, key: str) -> None:
        """Delete nothing."""

    def keys(self, _prefix: str) -> list[str]:
        """Return that nothing is there."""
        return []


class MockInspector:
    """Takes every photo for a good one."""

    def inspect(self, asked: PhotoToInspect) -> PhotoInspected:
        """Return the verdict on a photo of the smallest size that is allowed."""
        return PhotoInspected(
            number=asked.number,
            verdict="accepted",
            codes=(),
            advice=(),
            width=MIN_SIDE,
            height=MIN_SIDE,
        )


class MockAliases:
    """One alias of the made-up model."""

    def __init__(self, tenant: str, model_id: str) -> None:
        versions = (Version(model_id=model_id, weight=1),)
        self._alias = Alias(
            tenant=tenant, name="mock", versions=versions, created_at=MADE_AT, updated_at=MADE_AT
        )

    def get(self, _tenant: str, name: str) -> Alias | None:
        """Return the alias under every name."""
        return self._alias.model_copy(update={"name": name})

    def of(self, _tenant: str) -> list[Alias]:
        """Return the alias."""
        return [self._alias]

    def put(self, alias: Alias) -> None:
        """Forget it."""

    def remove(self, tenant: str, name: str) -> None:
        """Remove nothing."""

    def add(self, key: VersionKey, more: Figures) -> None:
        """Add nothing."""

    def figures(self, _tenant: str, _name: str) -> dict[str, Figures]:
        """Nothing was measured."""
        return {}

    def all_figures(self, _tenant: str) -> dict[str, dict[str, Figures]]:
        """Nothing was measured."""
        return {}


class MockConsents:
    """Nobody has agreed to anything, because nothing real is trained."""

    def record(self, record: ConsentRecord) -> None:
        """Forget it."""

    def get(self, _model_id: str) -> ConsentRecord | None:
        """There is none."""
        return None

    def of(self, _tenant: str) -> list[ConsentRecord]:
        """There are none."""
        return []

    def withdraw(self, subject: ErasureSubject, now: datetime) -> None:
        """Nothing is there to be taken back."""


class MockHub:
    """A hub that keeps nothing."""

    def copy(self, source: str, target: str) -> None:
        """Forget it."""

    def uri(self, prefix: str) -> str:
        """Return an address that leads nowhere."""
        return f"s3://{TENANT}/{prefix}"


class MockPeople:
    """Nobody signs in: a mock key sees no real person, and whom it invites is forgotten."""

    def of(self, _tenant: str) -> list[MemberView]:
        """There are none."""
        return []

    def find(self, _tenant: str, _member_id: str) -> MemberView | None:
        """There is none."""
        return None

    def invite(self, tenant: str, email: str, role: MemberRole) -> MemberView:
        """Return a person who gets no e-mail."""
        del tenant
        made = {"email": email, "role": role, "status": "invited", "created_at": MADE_AT}
        return MemberView.model_validate(made | {"id": MOCK_MEMBER})

    def give_role(self, member_id: str, role: MemberRole) -> None:
        """There is nobody."""

    def remove(self, member_id: str) -> None:
        """There is nobody."""


class MockExports:
    """Nothing was exported; a mock key sees no real archive."""

    def add(self, _row: ExportRow) -> None:
        """Forget it."""

    def get(self, _export_id: str) -> ExportRow | None:
        """Return that there is none."""
        return None

    def of(self, tenant: str, limit: int, before: str | None) -> list[ExportRow]:  # noqa: ARG002
        """Return that there is none."""
        return []

    def replace(self, before: ExportRow, after: ExportRow) -> bool:  # noqa: ARG002
        """Forget the change."""
        return True


class MockExporter:
    """Reads nobody's data."""

    def start(self, given: ExportInput) -> None:
        """Forget it."""


class MockEraser:
    """Erases nothing: every subject is said to be going."""

    def erase(self, subject: ErasureSubject, *, withdrawn: bool = False) -> ErasureAnswer:  # noqa: ARG002
        """Return an answer without an erasure."""
        return ErasureAnswer(erasure_id=subject.erasure_id, outcome="erasing")


def mocked(services: Services, tenant: str) -> Services:
    """Return the services of a mock key; clock, limits, keys and the base's card are real."""
    stores, model_id = MockStores(tenant), READY[0]
    pictures = MockPictures(tenant, model_id, MADE_AT, services.now())
    return replace(
        services,
        audit=MockAudit(),
        eraser=MockEraser(),
        takedowns=MockTakedowns(),
        appeals=MockAppeals(),
        consents=MockConsents(),
        people=MockPeople(),
        hub=MockHub(),
        exports=MockExports(),
        exporter=MockExporter(),
        models=MockModels(),
        aliases=MockAliases(tenant, model_id),
        jobs=stores,
        uploads=MockBucket(),
        documents=MockBucket(),
        forms=stores,
        links=stores,
        inspector=MockInspector(),
        canceller=stores,
        redriver=MockRedriver(),
        photo_versions=MockVersions(),
        pictures=OrderServices(pictures, MockPictureQueue(), MockBucket()),
        sleep=lambda _seconds: None,
    )
