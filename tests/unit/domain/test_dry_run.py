"""A dry run answers with verdicts, plan, time and cost: one notice, and no training."""

import pytest

from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.notice import Notice
from contracts.documents.stages import DryRunInput, PhotoInspection
from contracts.errors import TooExpensiveError, TooFewPhotosError
from domain.intake.inspection import inspect_photos
from domain.intake.services import IntakeServices
from domain.notices.dry_run import answer_dry_run
from domain.notices.services import NoticeServices
from domain.ports.storage import read_document
from tests.fakes.intake import NOW, memory_intake
from tests.fakes.notifier import MemoryNotifier
from tests.unit.domain.test_inspection import GOOD, PlainDecoder, accepted, inspection_of

FILES = {**GOOD, "turned.jpg": b"turn", "bad.pdf": b"refuse not_an_image", "class/x.png": b"x"}


def inspect(intake: IntakeServices, job: JobSpec) -> PhotoInspection:
    return inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)


def dry_run(**request: object) -> tuple[Notice, MemoryNotifier, IntakeServices]:
    intake, notifier = memory_intake(), MemoryNotifier()
    job = accepted(intake, FILES, dry_run=True, **request)
    given = DryRunInput(job=job, photos=inspect(intake, job).summary())
    notice_services = NoticeServices(intake.models, intake.jobs, notifier)
    notice = answer_dry_run(given, notice_services, NOW)
    assert answer_dry_run(given, notice_services, NOW) == notice
    return notice, notifier, intake


def test_the_answer_holds_verdicts_steps_time_and_cost() -> None:
    notice, notifier, intake = dry_run(max_train_steps=800, preset="face")
    assert [sent.code for sent in notifier.published] == ["dry_run"]
    assert notice.status == "succeeded"
    assert notice.dry_run is not None
    assert (notice.dry_run.photos, notice.dry_run.refused, notice.dry_run.class_photos) == (6, 1, 1)
    assert notice.dry_run.estimate is not None
    assert notice.dry_run.estimate.steps == 800
    assert notice.dry_run.estimate.usd
    assert notice.photo_names is not None
    accepted = read_document(intake.models, notice.photo_names, AcceptedUpload)
    names = [pin.key.rpartition("/")[2] for pin in accepted.photos]
    assert {names[photo.index or 0]: photo.codes for photo in notice.photos} == {
        "bad.pdf": ("not_an_image",),
        "turned.jpg": ("rotated",),
    }
    assert "Photos that can be used: 6 of 7. It would take 800 steps" in notice.text
    assert notice.job_id is not None
    record = intake.jobs.get(notice.job_id)
    assert record is not None
    assert (record.status, record.queue, record.attempt) == ("succeeded", None, 0)


def test_a_real_request_is_another_job_and_no_dry_run() -> None:
    intake = memory_intake()
    first, second = accepted(intake, GOOD, dry_run=True), accepted(intake, GOOD)
    assert first.job_id != second.job_id
    assert inspect(intake, first).dry_run
    assert not inspect(intake, second).dry_run


def test_a_dry_run_reports_what_would_stop_the_training() -> None:
    intake = memory_intake()
    with pytest.raises(TooExpensiveError):
        inspect(intake, accepted(intake, GOOD, dry_run=True, max_cost_usd=0.01))
    intake = memory_intake()
    with pytest.raises(TooFewPhotosError):
        inspect(intake, accepted(intake, {"a.jpg": b"x"}, dry_run=True))
