"""Every ending sends one notice; a redrive may send another."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from contracts.codes import CODES
from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.notice import Notice
from contracts.documents.package import ModelPackage, WarmModelReport
from contracts.documents.stages import (
    ExecutionEnded,
    FailJobInput,
    NotifyFailureInput,
    NotifyOwnerInput,
    ObjectCreated,
)
from contracts.documents.training import GateReport, TrainedAdapter, TrainingResult
from contracts.errors import InvalidRequestError, StageError, TooFewPhotosError
from contracts.shared import layout
from domain.failures.causes import RaisedAgainError
from domain.failures.redrive import fail_job
from domain.intake.accepting import accept_request
from domain.intake.inspection import inspect_photos
from domain.intake.services import IntakeServices
from domain.notices.notices import notify_failure, notify_owner
from domain.notices.services import NoticeServices
from domain.notices.uncaught import notify_outcome
from domain.ports.storage import read_document, write_document
from tests.fakes.intake import NOW, announced, memory_intake, put_upload
from tests.fakes.jobs import MemoryJobs
from tests.fakes.models import MemoryModels
from tests.fakes.notifier import MemoryNotifier, TopicGoneError
from tests.unit.domain.test_inspection import PlainDecoder, inspection_of

ARN = "arn:execution:1"
KEY = "tenants/acme/uploads/first/request.json"
PHOTOS = {f"{n}.jpg": f"pixels {n}".encode() for n in range(5)} | {
    "holiday.pdf": b"refuse not_an_image"
}


def names_of(office: "Office", notice: Notice) -> list[str]:
    """Return the photos' names as an owner finds them, with the document that the notice names."""
    assert notice.photo_names is not None
    accepted = read_document(office.intake.models, notice.photo_names, AcceptedUpload)
    pins = [accepted.photos[photo.index or 0] for photo in notice.photos]
    return [pin.key.removeprefix("tenants/acme/uploads/first/") for pin in pins]


@dataclass
class Office:
    """One upload, and everybody who may tell its owner something."""

    intake: IntakeServices = field(default_factory=memory_intake)
    notifier: MemoryNotifier = field(default_factory=MemoryNotifier)
    models: MemoryModels = field(default_factory=MemoryModels)

    @property
    def notice_services(self) -> NoticeServices:
        return NoticeServices(self.intake.models, self.intake.jobs, self.notifier)

    @property
    def codes(self) -> list[str]:
        return [notice.code for notice in self.notifier.published]

    def accept(self, photos: dict[str, bytes] = PHOTOS, arn: str = ARN) -> JobSpec:
        return accept_request(announced(put_upload(self.intake, photos), arn), self.intake, NOW).job

    def inspect(self, job: JobSpec) -> None:
        inspect_photos(job, inspection_of(self.intake, PlainDecoder()), NOW)

    def fail(self, error: StageError | str, job: JobSpec | None, redrive: int = 0) -> Notice:
        return notify_failure(failed(error, job, redrive), self.notice_services, NOW)

    def succeed(self, job: JobSpec) -> Notice:
        return notify_owner(trained(job, self.intake), self.notice_services, self.models, NOW)

    def ended(self, status: str, **more: Any) -> None:
        detail = {"executionArn": ARN, "status": status, "input": event_text(), **more}
        notify_outcome(ExecutionEnded.model_validate({"detail": detail}), self.notice_services, NOW)


def event_text() -> str:
    return json.dumps({"detail": {"bucket": {"name": "b"}, "object": {"key": KEY}}})


def failed(error: StageError | str, job: JobSpec | None, redrive: int = 0) -> NotifyFailureInput:
    if isinstance(error, str):
        failure = {"Error": error, "Cause": "no words of ours"}
    else:
        cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
        failure = {"Error": type(error).__name__, "Cause": cause}
    state = {"state": "InspectPhotos", "input": {"job": job}, "redrive_count": redrive}
    given = {"event": json.loads(event_text()), "execution_arn": ARN, "job": job}
    return NotifyFailureInput.model_validate({**given, "failure": failure, "failed": state})


def trained(job: JobSpec, intake: IntakeServices) -> NotifyOwnerInput:
    key = layout.models.result_key(job.job_id, job.job_id)
    gate = GateReport(passed=True, effect=0.2, identity=0.8, identity_base=0.3)
    result = TrainingResult(job_id=job.job_id, status="succeeded", gate=gate)
    write_document(intake.models, key, result)
    name = f"{job.job_id}-{'a' * 12}.tar.gz"
    return NotifyOwnerInput(
        job=job,
        trained=TrainedAdapter(
            job_id=job.job_id,
            training_job_name="likeness-1",
            result_uri=intake.models.uri(key),
            result_sha256="0" * 64,
        ),
        package=ModelPackage(
            job_id=job.job_id,
            target_model=name,
            uri=intake.models.uri(f"endpoint/{name}"),
            sha256="1" * 64,
            weights_sha256="a" * 64,
            trigger_word="sks",
        ),
        warm=WarmModelReport(
            job_id=job.job_id, target_model=name, seconds=1.5, endpoint_name="endpoint"
        ),
    )


# --- success --------------------------------------------------------------------------------


def test_a_ready_model_is_recorded_and_reported() -> None:
    office = Office()
    job = office.accept()
    office.inspect(job)
    notice = office.succeed(job)
    assert office.notifier.published == [notice]
    assert (notice.status, notice.code) == ("succeeded", "ready")
    assert notice.model is not None
    assert "a photo of" not in notice.model_dump_json()
    assert (notice.model.identity, notice.model.identity_base) == (0.8, 0.3)
    assert names_of(office, notice) == ["holiday.pdf"]
    assert "holiday" not in notice.model_dump_json()
    assert office.models.rows["acme", job.job_id].target_model == notice.model.target_model
    record = office.intake.jobs.get(job.job_id)
    assert record is not None
    assert (record.status, record.notice_id) == ("succeeded", notice.notice_id)


def test_a_retried_stage_notifies_once() -> None:
    office = Office()
    job = office.accept()
    assert office.succeed(job) == office.succeed(job)
    assert office.codes == ["ready"]


def test_after_a_notice_that_was_not_sent_the_failure_is() -> None:
    office = Office()
    job = office.accept()
    office.notifier.away = True
    with pytest.raises(TopicGoneError):
        office.succeed(job)
    office.notifier.away = False
    office.fail("TopicGoneError", job)
    assert office.codes == ["internal_error"]


def test_a_success_is_not_followed_by_a_failure() -> None:
    office = Office()
    job = office.accept()
    office.succeed(job)
    office.fail("Lambda.Unknown", job)
    office.ended("TIMED_OUT")
    record = office.intake.jobs.get(job.job_id)
    assert office.codes == ["ready"]
    assert record is not None
    assert record.status == "succeeded"


# --- failure --------------------------------------------------------------------------------


def test_too_few_photos_names_each_of_them_and_what_to_do() -> None:
    office = Office()
    job = office.accept({"a.jpg": b"pixels", "b/c.pdf": b"refuse not_an_image"})
    with pytest.raises(TooFewPhotosError) as caught:
        office.inspect(job)
    notice = office.fail(caught.value, job)
    assert (notice.code, notice.tenant, notice.upload) == ("too_few_photos", "acme", "first")
    assert "Photos that can be used: 1; needed: 5." in notice.text
    assert [p.codes for p in notice.photos] == [("not_an_image",)]
    assert names_of(office, notice) == ["b/c.pdf"]
    assert "JPEG" in notice.photos[0].text
    record = office.intake.jobs.get(job.job_id)
    assert record is not None
    assert (record.status, record.code) == ("failed", "too_few_photos")


def test_a_bad_request_is_reported_field_by_field() -> None:
    office = Office()
    key = put_upload(office.intake, PHOTOS, b'{"instance_prompt": "x", "stepz": 3}')
    with pytest.raises(StageError) as caught:
        accept_request(announced(key), office.intake, NOW)
    notice = office.fail(caught.value, None)
    assert (notice.code, notice.job_id, notice.upload) == ("invalid_request", None, "first")
    nearest = {problem.field: problem.nearest for problem in notice.request}
    assert nearest == {"class_prompt": None, "(an unknown name)": "max_train_steps"}


def refusals(office: Office) -> dict[str, str]:
    assert isinstance(office.intake.jobs, MemoryJobs)
    return office.intake.jobs.refusals


def test_a_refusal_before_there_is_a_job_is_recorded_until_the_upload_is_accepted() -> None:
    office = Office()
    office.fail(InvalidRequestError(problems=2), None)
    assert refusals(office) == {"acme/first": "invalid_request"}
    job = office.accept({f"{n}.jpg": b"pixels" for n in range(5)})
    assert refusals(office) == {}
    office.fail(TooFewPhotosError(found=1, needed=5), job)
    assert refusals(office) == {}


@pytest.mark.parametrize(
    ("error", "code"),
    [("States.Timeout", "timed_out"), ("KeyError", "internal_error"), ("", "internal_error")],
)
def test_what_no_stage_meant_is_still_reported(error: str, code: str) -> None:
    office = Office()
    job = office.accept()
    assert office.fail(error, job).code == code
    assert office.codes == [code]


def test_a_job_that_was_claimed_by_the_failing_stage_is_closed() -> None:
    office = Office()
    job = office.accept()
    assert office.fail("Lambda.Unknown", None).job_id == job.job_id
    record = office.intake.jobs.get(job.job_id)
    assert record is not None
    assert record.status == "failed"


def test_a_retried_failure_is_reported_once() -> None:
    office = Office()
    job = office.accept()
    assert office.fail("KeyError", job) == office.fail("KeyError", job)
    assert office.codes == ["internal_error"]


def test_every_text_is_short_enough_to_read() -> None:
    for entry in CODES.values():
        assert max(len(entry.text), len(entry.hint)) <= 160
        assert len(entry.title) < 100
        assert entry.title.isascii()


# --- the outer net --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "record_status"),
    [
        ("TIMED_OUT", "timed_out", "failed"),
        ("ABORTED", "canceled", "canceled"),
        ("FAILED", "internal_error", "failed"),
    ],
)
def test_an_end_that_no_catch_saw_is_reported(status: str, code: str, record_status: str) -> None:
    office = Office()
    job = office.accept()
    office.ended(status)
    office.ended(status)
    assert office.codes == [code]
    record = office.intake.jobs.get(job.job_id)
    assert record is not None
    assert (record.status, record.code) == (record_status, code)


@pytest.mark.parametrize("with_job", [True, False])
def test_what_was_reported_is_not_reported_again(with_job: bool) -> None:
    office = Office()
    office.fail("KeyError", office.accept() if with_job else None)
    office.ended("FAILED", redriveCount=0)
    assert office.codes == ["internal_error"]


def test_an_end_without_a_readable_input_is_reported_without_an_owner() -> None:
    office = Office()
    office.ended("FAILED", input=None)
    assert [(n.tenant, n.code) for n in office.notifier.published] == [(None, "internal_error")]


# --- redrive --------------------------------------------------------------------------------


def redriven(given: NotifyFailureInput, redrive_count: int) -> FailJobInput:
    return FailJobInput(
        execution_arn=given.execution_arn,
        failure=given.failure,
        failed=given.failed,
        redrive_count=redrive_count,
    )


def test_the_end_is_red_under_the_stages_own_name() -> None:
    office = Office()
    given = failed(TooFewPhotosError(found=1, needed=5), office.accept())
    with pytest.raises(RaisedAgainError) as caught:
        fail_job(redriven(given, 0), office.intake.jobs, NOW)
    assert type(caught.value).__name__ == "TooFewPhotosError"
    assert json.loads(str(caught.value)) == {"code": "too_few_photos", "found": 1, "needed": 5}


def test_a_redrive_reopens_the_job_and_its_new_end_is_reported() -> None:
    office = Office()
    job = office.accept()
    office.fail("KeyError", job)
    fail_job(redriven(failed("KeyError", job), 1), office.intake.jobs, NOW)
    record = office.intake.jobs.get(job.job_id)
    assert record is not None
    assert (record.status, record.code, record.notice_id) == ("processing", None, None)
    office.fail("KeyError", job, redrive=1)
    with pytest.raises(RaisedAgainError):
        fail_job(redriven(failed("KeyError", job, redrive=1), 1), office.intake.jobs, NOW)
    fail_job(redriven(failed("KeyError", job, redrive=1), 2), office.intake.jobs, NOW)
    office.succeed(job)
    assert office.codes == ["internal_error", "internal_error", "ready"]


def test_a_late_event_of_an_end_leaves_alone_what_a_redrive_took_up() -> None:
    office = Office()
    job = office.accept()
    office.fail("KeyError", job)
    fail_job(redriven(failed("KeyError", job), 1), office.intake.jobs, NOW)
    office.intake.jobs.enqueue(job.job_id, "token", NOW)
    office.ended("FAILED", error="KeyError", redriveCount=0)
    record = office.intake.jobs.get(job.job_id)
    assert record is not None
    assert (record.status, record.queue) == ("processing", "queued")
    assert office.codes == ["internal_error"]


def test_a_redrive_leaves_alone_what_a_newer_execution_does() -> None:
    office = Office()
    job = office.accept()
    office.fail("KeyError", job)
    assert office.accept(arn="arn:execution:2") == job
    with pytest.raises(RaisedAgainError):
        fail_job(redriven(failed("KeyError", job), 1), office.intake.jobs, NOW)


def test_a_redrive_before_there_was_a_job_just_goes_on() -> None:
    fail_job(redriven(failed("KeyError", None), 1), Office().intake.jobs, NOW)


def test_the_outcome_event_carries_s3s_event() -> None:
    assert ObjectCreated.model_validate_json(event_text()).detail.object.key == KEY
