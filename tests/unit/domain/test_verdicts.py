"""The trainer's verdicts on photos reach the owner under the owner's names for the photos."""

from typing import Any

import pytest

from contracts.codes import CODES
from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.notice import Notice
from contracts.documents.photos import PhotoVerdict
from contracts.documents.sweep import SweepTrial
from contracts.documents.training import TrainingFailure, TrainingResult
from contracts.errors import GateFailedError, SweepFailedError, TooFewPhotosError
from contracts.errors import TrainingFailedError as Failed
from contracts.shared import layout
from domain.notices.verdicts import TRAINER_ADVICE
from domain.notices.words import photo_notice, ready_notice
from domain.ports.storage import read_document, write_document
from tests.fakes.intake import NOW
from tests.unit.domain.test_notices import ARN, Office, trained

NAMES = [f"{n}.jpg" for n in range(5)]


def refused(index: int, code: str = "no_face") -> PhotoVerdict:
    return PhotoVerdict(index=index, verdict="refused", codes=(code,))


def used(index: int, *codes: str) -> PhotoVerdict:
    return PhotoVerdict(index=index, verdict="accepted", codes=codes)


VERDICTS = (refused(0), refused(1, "ambiguous_faces"), *map(used, (2, 3, 4)))


def inspected() -> tuple[Office, JobSpec]:
    office = Office()
    job = office.accept({name: f"pixels {name}".encode() for name in NAMES})
    office.inspect(job)
    return office, job


def write_result(office: Office, job_id: str, code: str | None, **more: Any) -> None:
    failure = None if code is None else TrainingFailure(code=code, message="")
    status = "succeeded" if failure is None else "failed"
    result = TrainingResult(job_id=job_id, status=status, failure=failure, **more)
    write_document(office.intake.models, layout.models.result_key(job_id, job_id), result)


def trial_of(job: JobSpec, trial_id: str) -> SweepTrial:
    spec = job.model_copy(update={"job_id": trial_id})
    return SweepTrial(name="rank4", job=spec)


def indexed(office: Office, notice: Notice) -> dict[int, tuple[str, ...]]:
    """Return the codes of each photo in the notice, by the index of the photo with that name."""
    assert notice.job_id is not None
    key = layout.models.accepted_upload_key(notice.job_id)
    accepted = read_document(office.intake.models, key, AcceptedUpload)
    codes = {photo.index: photo.codes for photo in notice.photos}
    assert set(codes) <= set(range(len(accepted.photos)))
    return {index: found for index, found in codes.items() if index is not None}


@pytest.mark.parametrize(
    ("code", "kind"),
    [("too_few_photos", Failed), ("photos_refused", Failed), ("gate_not_alike", GateFailedError)],
)
def test_photos_that_the_trainer_refused_are_named_with_their_reasons(
    code: str, kind: type[Failed | GateFailedError]
) -> None:
    office, job = inspected()
    write_result(office, job.job_id, code, photos=VERDICTS)
    notice = office.fail(kind(code=code), job)
    assert indexed(office, notice) == {0: ("no_face",), 1: ("ambiguous_faces",)}
    hints = {CODES[code].hint for code in ("no_face", "ambiguous_faces")}
    assert all(any(hint in photo.text for hint in hints) for photo in notice.photos)
    assert "The trainer left out 2 of 5 photos; they are listed here." in notice.text


def test_a_success_names_the_photos_that_were_left_out() -> None:
    office, job = inspected()
    given = trained(job, office.intake)
    photos = (refused(0), used(1, "face_small", "padded"), used(2, "padded"), used(3), used(4))
    write_result(office, job.job_id, None, photos=photos)
    notice = ready_notice(given, office.intake.models)
    assert indexed(office, notice) == {0: ("no_face",), 1: ("face_small",)}
    assert "The trainer left out 1 of 5 photos; they are listed here." in notice.text


def test_a_result_of_another_failure_is_not_this_notices_reason() -> None:
    office, job = inspected()
    write_result(office, job.job_id, "gate_not_alike", photos=VERDICTS)
    notice = office.fail(TooFewPhotosError(found=3, needed=5), job)
    assert (notice.photos, "left out" in notice.text) == ((), False)


def test_a_failed_sweep_names_the_photos_that_its_trials_left_out() -> None:
    office, job = inspected()
    trial = "7" * 32
    office.intake.jobs.add_trials(job.job_id, [trial_of(job, trial)], ARN, NOW)
    write_result(office, trial, "too_few_photos", photos=VERDICTS)
    assert set(indexed(office, office.fail(SweepFailedError(trials=1), job))) == {0, 1}


def test_a_failure_of_ours_lists_no_photos() -> None:
    office, job = inspected()
    write_result(office, job.job_id, "disk_full", photos=VERDICTS)
    notice = office.fail(Failed(code="disk_full"), job)
    assert (notice.photos, "left out" in notice.text) == ((), False)


def test_the_advice_is_in_the_catalogue_and_asks_nothing_of_the_workflow() -> None:
    assert {CODES[code].who for code in TRAINER_ADVICE} == {"nobody"}


def test_a_near_duplicate_is_named_with_the_photo_that_it_resembles() -> None:
    copy = used(3, "similar_photo").model_copy(update={"resembles": 1})
    assert photo_notice(copy).text.endswith(" It resembles photo 1.")
    assert "resembles" not in photo_notice(used(3, "similar_photo")).text
