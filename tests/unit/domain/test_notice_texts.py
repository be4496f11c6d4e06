"""Whole notices: every field of what an owner is reported, made of the catalogue's words."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.codes import CODES
from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.model import ModelRecord
from contracts.documents.money import Estimate, Receipt
from contracts.documents.notice import DryRunNotice, ModelNotice, Notice, PhotoNotice
from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.documents.sweep import SweepReport, TrialReport
from contracts.documents.training import (
    GateReport,
    RankedPicture,
    SubjectScores,
    TrainingFailure,
    TrainingResult,
)
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.documents.upload.subject import Subject
from contracts.shared import layout
from domain.failures.causes import failure_notice_id
from domain.intake.uploads import Place
from domain.notices import dry_run
from domain.notices.notices import close_trials, receipt_of
from domain.notices.words import (
    Ending,
    facts_text,
    failure_notice,
    model_record,
    photo_notice,
    photo_notices,
    ready_notice,
    request_problems,
)
from domain.ports.storage import read_document, write_document
from domain.sweeps.ranking import ranking_text
from tests.fakes.intake import NOW, REQUEST
from tests.fakes.jobs import MemoryJobs
from tests.unit.domain.test_notices import ARN, PHOTOS, Office, trained

RECEIPT = Receipt(
    training_jobs=1,
    instance_type="ml.g5.2xlarge",
    billable_seconds=100,
    spot_saving=0.0,
    warm_pool_seconds=0,
    usd=0.1,
    final=True,
)
POINTS = (
    TrialReport(name="rank8", job_id="1" * 32, place=1, identity=0.8),
    TrialReport(name="rank64", job_id="2" * 32, code="gate_failed"),
)


def ready_office() -> tuple[Office, JobSpec]:
    office = Office()
    job = office.accept()
    office.inspect(job)
    return office, job


def text_of(code: str, *figures: str) -> str:
    return " ".join(part for part in (CODES[code].text, *figures, CODES[code].hint) if part)


BAD_PDF = list(PHOTOS).index("holiday.pdf")


def bad_pdf() -> PhotoNotice:
    entry = CODES["not_an_image"]
    text = f"{entry.text} {entry.hint}"
    return PhotoNotice(index=BAD_PDF, codes=("not_an_image",), text=text)


def test_a_ready_notice_says_all_of_this() -> None:
    office, job = ready_office()
    given = trained(job, office.intake)
    assert ready_notice(given, office.intake.models, RECEIPT) == Notice(
        notice_id=f"ready-{job.job_id}",
        job_id=job.job_id,
        tenant="acme",
        upload="first",
        status="succeeded",
        code="ready",
        title=CODES["ready"].title,
        text=text_of("ready", text_of("few_photos")),
        retryable=False,
        photos=(bad_pdf(),),
        photo_names=layout.models.accepted_upload_key(job.job_id),
        model=ModelNotice(
            endpoint_name="endpoint",
            target_model=given.package.target_model,
            trigger_word="sks",
            identity=0.8,
            identity_base=0.3,
        ),
        receipt=RECEIPT,
    )


def test_a_model_without_a_judge_has_no_likeness() -> None:
    office, job = ready_office()
    given = trained(job, office.intake)
    key = layout.models.result_key(job.job_id, job.job_id)
    write_document(office.intake.models, key, TrainingResult(job_id=job.job_id, status="succeeded"))
    model = ready_notice(given, office.intake.models).model
    assert model is not None
    assert (model.identity, model.identity_base) == (None, None)


def test_the_model_s_row_says_all_of_this() -> None:
    office, job = ready_office()
    given = trained(job, office.intake)
    assert model_record(given, NOW) == ModelRecord(
        tenant="acme",
        model_id=job.job_id,
        target_model=given.package.target_model,
        weights_sha256="a" * 64,
        base_id="tiny-base",
        trigger_word="sks",
        endpoint_name="endpoint",
        created_at="2026-11-21T09:00:00+00:00",
    )


def ending(code: str, **facts: Any) -> Ending:
    return Ending(ARN, 2, code, facts)


def failure(code: str, job: JobSpec | None, office: Office, **facts: Any) -> Notice:
    place = Place("acme", "second")
    return failure_notice(ending(code, **facts), job, place, office.intake.models)


def test_a_failure_notice_says_all_of_this() -> None:
    office, job = ready_office()
    assert failure("too_few_photos", job, office, found=1, needed=5) == Notice(
        notice_id=failure_notice_id(ARN, 2),
        job_id=job.job_id,
        tenant="acme",
        upload="first",
        status="failed",
        code="too_few_photos",
        title=CODES["too_few_photos"].title,
        text=text_of("too_few_photos", "Photos that can be used: 1; needed: 5."),
        retryable=False,
        photos=(bad_pdf(),),
        photo_names=layout.models.accepted_upload_key(job.job_id),
    )


def test_a_failure_of_ours_names_no_photos_and_may_be_tried_again() -> None:
    office, job = ready_office()
    code = next(c for c, entry in CODES.items() if entry.who == "operator" and entry.retryable)
    notice = failure(code, job, office)
    assert (notice.photos, notice.retryable, notice.text) == ((), True, text_of(code))


def test_without_a_job_a_notice_names_the_place() -> None:
    notice = failure("invalid_request", None, Office())
    assert (notice.job_id, notice.tenant, notice.upload) == (None, "acme", "second")
    nobody = failure_notice(ending("invalid_upload"), None, None, Office().intake.models)
    assert (nobody.job_id, nobody.tenant, nobody.upload) == (None, None, None)
    assert (nobody.photos, nobody.request, nobody.sweep) == ((), (), ())


@pytest.mark.parametrize(
    ("code", "facts", "figures"),
    [
        ("too_few_photos", {"found": 1, "needed": 5}, "Photos that can be used: 1; needed: 5."),
        ("too_many_photos", {"found": 101, "most": 100}, "Photos found: 101; allowed: 100."),
        ("sweep_failed", {"trials": 4}, "Trials: 4."),
        ("quota_zero", {"sentence": "No."}, "AWS answers: No."),
        (
            "too_expensive",
            {"estimate_usd": 1.5, "max_cost_usd": 1},
            "Estimated: 1.5 USD; allowed: 1 USD.",
        ),
        ("price_unknown", {"instance_type": "ml.g6.xlarge"}, "Instance type: ml.g6.xlarge."),
        ("invalid_request", {"problems": 2}, "Problems found: 2."),
        ("too_few_photos", {"found": 1}, ""),
        ("timed_out", {"found": 1}, ""),
    ],
)
def test_figures_are_said_where_a_failure_brings_them(
    code: str, facts: dict[str, Any], figures: str
) -> None:
    assert facts_text(ending(code, **facts)) == figures


def test_the_points_of_a_sweep_are_told_where_it_failed_and_where_it_succeeded() -> None:
    office, job = ready_office()
    documents = office.intake.models
    assert failure("sweep_failed", job, office, trials=2).sweep == (), "it came not so far"
    report = SweepReport(job_id=job.job_id, trials=POINTS)
    write_document(documents, layout.models.sweep_report_key(job.job_id), report)
    notice = failure("sweep_failed", job, office, trials=2)
    assert notice.sweep == POINTS
    assert notice.text == text_of("sweep_failed", "Trials: 2.", ranking_text(POINTS))
    assert failure("timed_out", job, office).sweep == ()
    assert failure("sweep_failed", None, office).sweep == ()

    given = trained(job, office.intake)
    assert ready_notice(given, documents).sweep == (), "its request has no grid"
    request = TrainingRequest(**REQUEST, sweep={"rank": [8, 64]})
    accepted = AcceptedUpload(job=job, request=request, photos=())
    write_document(documents, layout.models.accepted_upload_key(job.job_id), accepted)
    documents.delete(layout.models.photo_report_key(job.job_id))
    ready = ready_notice(given, documents)
    assert (ready.sweep, ready.text) == (POINTS, text_of("ready", ranking_text(POINTS)))


def test_points_are_said_in_a_sentence_or_two() -> None:
    best, lost = POINTS
    third = lost.model_copy(update={"name": "rank4", "code": "training_failed"})
    assert ranking_text([]) == ""
    assert ranking_text([best]) == "It is the best of 1 trials: rank8."
    assert ranking_text([lost, third]) == (
        "Without a model: rank64 (gate_failed), rank4 (training_failed)."
    )
    assert ranking_text(POINTS) == (
        "It is the best of 2 trials: rank8. Without a model: rank64 (gate_failed)."
    )


# --- photos and problems --------------------------------------------------------------------


def test_every_code_of_a_photo_is_told_in_order() -> None:
    codes = ("rotated", "blurred")
    found = photo_notice(PhotoVerdict(index=0, verdict="repaired", codes=codes))
    entries = [CODES[code] for code in codes]
    assert found == PhotoNotice(
        index=0, codes=codes, text=" ".join(f"{one.text} {one.hint}" for one in entries)
    )


def test_refused_photos_are_told_and_others_by_their_advice() -> None:
    office = Office()
    verdicts = (
        PhotoVerdict(index=0, verdict="refused", codes=("too_small",)),
        PhotoVerdict(index=1, verdict="repaired", codes=("rotated",)),
        PhotoVerdict(index=2, verdict="accepted", codes=("rotated", "blurred")),
        PhotoVerdict(index=3, verdict="refused"),
    )
    documents = office.intake.models
    job = JobSpec(job_id="1" * 32, tenant="acme", upload="first", base_id="b")
    report = PhotoReport(job_id=job.job_id, photos=verdicts)
    write_document(documents, layout.models.photo_report_key(job.job_id), report)
    assert [reported.index for reported in photo_notices(job, documents)] == [0, 3]
    with_advice = photo_notices(job, documents, also={"blurred"})
    assert [reported.index for reported in with_advice] == [0, 2, 3]
    documents.delete(layout.models.photo_report_key(job.job_id))
    assert photo_notices(job, documents) == ()


def test_problems_are_told_with_a_bad_request_and_with_no_other_failure() -> None:
    office, place = Office(), Place("acme", "first")
    problems = (RequestProblem(field="rank", message="Must be smaller."),)
    document = RequestProblems(problems=problems)
    documents = office.intake.models
    assert request_problems("invalid_request", place, documents) == ()
    write_document(documents, layout.models.problems_key(*place), document)
    assert request_problems("invalid_request", place, documents) == problems
    assert request_problems("invalid_request", Place("acme", "other"), documents) == ()
    assert request_problems("run_not_allowed", place, documents) == problems
    assert request_problems("timed_out", place, documents) == ()
    assert request_problems("invalid_request", None, documents) == ()


# --- money and points -----------------------------------------------------------------------


def memory_jobs(office: Office) -> MemoryJobs:
    assert isinstance(office.intake.jobs, MemoryJobs)
    return office.intake.jobs


def test_a_receipt_is_of_the_job_and_of_its_points() -> None:
    office, job = ready_office()
    jobs = memory_jobs(office)
    assert receipt_of(None, jobs) is None
    assert receipt_of(job.model_copy(update={"job_id": "9" * 32}), jobs) is None
    assert receipt_of(job, jobs) is None
    for number, shared in ((1, "likeness-a-1"), (2, "likeness-a-1")):
        point = job.model_copy(update={"job_id": f"{number}" * 32})
        jobs.claim(point, f"arn:{number}", NOW)
        jobs.record_receipt(point.job_id, shared, RECEIPT)
        jobs.record_receipt(point.job_id, f"likeness-{number}-2", RECEIPT)
    row = jobs.records[job.job_id]
    points = ("1" * 32, "2" * 32, "3" * 32)
    jobs.records[job.job_id] = row.model_copy(update={"trials": points})
    whole = receipt_of(job, jobs)
    assert whole is not None
    assert (whole.training_jobs, whole.billable_seconds) == (3, 400), "one of them was shared"
    assert whole.usd == pytest.approx(0.4)


def test_what_a_sweep_leaves_open_is_closed_with_it() -> None:
    office, job = ready_office()
    jobs = memory_jobs(office)
    for number in (1, 2, 3):
        jobs.claim(job.model_copy(update={"job_id": f"{number}" * 32}), f"arn:{number}", NOW)
    jobs.advance("2" * 32, "TrainAdapter", NOW)
    jobs.finish("3" * 32, "failed", "gate_failed", NOW)
    row = jobs.records[job.job_id]
    points = tuple(f"{number}" * 32 for number in (4, 3, 2, 1))  # the first is not there
    jobs.records[job.job_id] = row.model_copy(update={"trials": points})
    closing = replace(ending("canceled"), status="canceled")
    close_trials(job, closing, jobs, NOW)
    ends = [(jobs.records[p].status, jobs.records[p].code) for p in points[1:]]
    assert ends == [("failed", "gate_failed"), ("canceled", "canceled"), ("canceled", "canceled")]
    close_trials(job.model_copy(update={"job_id": "8" * 32}), closing, jobs, NOW)


# --- a dry run ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimate", "trainings", "given_text"),
    [
        (None, 1, ""),
        ((800, 1200, 0.505), 1, " It would take 800 steps, about 20 minutes and 0.51 USD."),
        ((800, 1200, None), 1, " It would take 800 steps, about 20 minutes."),
        ((800, 20, 0.1), 1, " It would take 800 steps, about 1 minutes and 0.10 USD."),
        ((800, 149, 0.1), 1, " It would take 800 steps, about 2 minutes and 0.10 USD."),
        (
            (800, 1200, 2.0),
            4,
            " It would take 800 steps in 4 trainings, about 20 minutes and 2.00 USD.",
        ),
    ],
)
def test_a_plan_is_said_in_a_sentence_or_two(
    estimate: tuple[int, int, float | None] | None, trainings: int, given_text: str
) -> None:
    found = None
    if estimate is not None:
        steps, seconds, usd = estimate
        found = Estimate(steps=steps, seconds=seconds, usd=usd)
    plan = DryRunNotice(photos=9, refused=2, class_photos=0, estimate=found, trainings=trainings)
    assert dry_run.dry_run_text(plan) == f"Photos that can be used: 9 of 11.{given_text}"


@pytest.mark.parametrize(("code", "advised"), [("gate_not_alike", True), ("too_few_photos", False)])
def test_an_owner_whose_model_is_not_good_enough_hears_the_advice_on_the_photos(
    code: str, advised: bool
) -> None:
    office, job = ready_office()
    assert (CODES["few_photos"].hint in failure(code, job, office).text) is advised


TWO = tuple(
    Subject(trigger_word=word, instance_prompt="a photo of TOK", class_prompt="a photo")
    for word in ("zwx", "rex")
)


@pytest.mark.parametrize(
    ("code", "failed", "named"),
    [
        ("too_few_photos", (), "Photos that can be used: of rex 2."),
        ("too_few_photos", (0, 1), "Photos that can be used: of zwx 4, of rex 2."),
        ("gate_not_alike", (), "It is about: rex."),
        ("gate_no_effect", (), ""),
        ("timed_out", (), ""),
    ],
)
def test_a_failure_of_one_of_several_subjects_names_it(
    code: str, failed: tuple[int, ...], named: str
) -> None:
    """The trainer may refuse photos that intake has accepted."""
    office, job = ready_office()
    documents, key = office.intake.models, layout.models.accepted_upload_key(job.job_id)
    accepted = read_document(documents, key, AcceptedUpload)
    of_two = TrainingRequest.model_validate({"subjects": TWO})
    write_document(documents, key, accepted.model_copy(update={"request": of_two}))
    verdicts = [PhotoVerdict(index=n, verdict="accepted", subject=n // 6) for n in range(8)]
    report = PhotoReport(job_id=job.job_id, photos=tuple(verdicts))
    write_document(documents, layout.models.photo_report_key(job.job_id), report)
    scores = [
        SubjectScores(trigger_word=word, passed=not codes, codes=codes, effect=0.2)
        for word, codes in (("zwx", ()), ("rex", ("gate_not_alike",)))
    ]
    result = TrainingResult(
        job_id=job.job_id,
        status="failed",
        gate=GateReport(passed=False, effect=0.2, subjects=tuple(scores)),
        photos=tuple(PhotoVerdict(index=n, verdict="refused", codes=("no_face",)) for n in failed),
        failure=TrainingFailure(code=code, message="x"),
    )
    text = failure_notice(ending(code), job, None, documents, result).text
    assert named in text
    assert ("rex" in text) == bool(named)


def test_an_owner_reads_which_picture_is_most_like_the_photos() -> None:
    office, job = ready_office()
    given = trained(job, office.intake)
    best = RankedPicture(row=9, file="pictures/00.png", identity=0.91)
    gate = GateReport(passed=True, effect=0.2, identity=0.8, ranking=(best,))
    result = TrainingResult(job_id=job.job_id, status="succeeded", gate=gate)
    key = layout.models.result_key(job.job_id, job.job_id)
    write_document(office.intake.models, key, result)
    notice = ready_notice(given, office.intake.models)
    assert notice.model is not None
    assert notice.model.ranking == (best,)
    assert "in row 9 of samples.png (pictures/00.png): 0.91." in notice.text
