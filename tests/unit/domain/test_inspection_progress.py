"""An inspection ends in time, and an attempt after a crash goes on where the crashed one was."""

from dataclasses import replace

import pytest

from contracts.documents.job import JobSpec
from contracts.documents.photos import InspectionProgress
from contracts.errors import PhotosTooSlowError, TooFewPhotosError
from contracts.shared import layout
from contracts.shared.limits import MAX_UPLOAD_SECONDS
from domain.intake.inspection import InspectionServices, inspect_photos
from domain.intake.inspection_progress import MAX_CRASHES
from domain.intake.services import IntakeServices
from domain.ports.decoder import DecodedPhoto, DecodeLimits
from domain.ports.storage import read_document
from tests.fakes.intake import NOW, memory_intake
from tests.unit.domain.test_inspection import GOOD, PlainDecoder, accepted, inspection_of, report_of

EIGHT = {f"{n}.jpg": f"pixels {n}".encode() for n in range(8)}


class SlowDecoder(PlainDecoder):
    """Needs as many seconds as the photo says; dies over one photo as long as it should."""

    def __init__(self, deaths: int = 0) -> None:
        super().__init__()
        self.deaths = deaths
        self.decoded: list[bytes] = []

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
        self.decoded.append(body)
        if body.startswith(b"deadly") and self.deaths:
            self.deaths -= 1
            raise MemoryError("the function was killed")
        self.seconds += float(body.partition(b"slow ")[2] or 0)
        return super().decode(body, limits)


def codes_of(intake: IntakeServices, job: JobSpec) -> list[tuple[str, ...]]:
    return sorted(photo.codes for photo in report_of(intake, job).photos)


def progress_of(intake: IntakeServices, job: JobSpec) -> InspectionProgress:
    key = layout.models.inspection_progress_key(job.job_id)
    return read_document(intake.models, key, InspectionProgress)


def attempts(job: JobSpec, inspection: InspectionServices, deaths: int) -> None:
    for _ in range(deaths):
        with pytest.raises(MemoryError):
            inspect_photos(job, inspection, NOW)
    inspect_photos(job, inspection, NOW)


def test_photos_after_the_upload_s_time_are_not_looked_at_and_the_owner_reads_which() -> None:
    intake, decoder = memory_intake(), SlowDecoder()
    share = MAX_UPLOAD_SECONDS / 6
    slow = {f"{n}.jpg": f"{n} slow {share}".encode() for n in range(9)}
    job = accepted(intake, slow)
    summary = inspect_photos(job, inspection_of(intake, decoder), NOW)
    assert (summary.accepted, summary.refused) == (6, 3)
    assert codes_of(intake, job) == [()] * 6 + [("not_inspected",)] * 3
    assert decoder.seconds == pytest.approx(MAX_UPLOAD_SECONDS)


def test_too_few_photos_for_want_of_time_is_no_fault_of_the_workflow() -> None:
    intake = memory_intake()
    slow = {f"{n}.jpg": f"{n} slow {MAX_UPLOAD_SECONDS}".encode() for n in range(6)}
    with pytest.raises(PhotosTooSlowError) as caught:
        inspect_photos(accepted(intake, slow), inspection_of(intake, SlowDecoder()), NOW)
    assert caught.value.facts == {"code": "photos_too_slow", "found": 1, "needed": 5}


def test_too_few_photos_for_another_reason_stay_too_few() -> None:
    intake = memory_intake()
    files = {**dict(list(GOOD.items())[:3]), "x.jpg": b"refuse too_complex"}
    with pytest.raises(TooFewPhotosError):
        inspect_photos(accepted(intake, files), inspection_of(intake, PlainDecoder()), NOW)


def test_no_photo_is_begun_when_the_stage_s_own_time_is_over() -> None:
    intake, decoder = memory_intake(), SlowDecoder()
    left = iter([True] * 6 + [False] * 9)
    inspection = replace(inspection_of(intake, decoder), has_time=lambda: next(left))
    job = accepted(intake, EIGHT)
    inspect_photos(job, inspection, NOW)
    assert len(decoder.decoded) == 6
    assert codes_of(intake, job).count(("not_inspected",)) == 2


def test_an_attempt_after_a_crash_decodes_only_what_is_left() -> None:
    intake, decoder = memory_intake(), SlowDecoder(deaths=1)
    job = accepted(intake, {**EIGHT, "x.jpg": b"deadly"})
    attempts(job, inspection_of(intake, decoder), deaths=1)
    assert sorted(decoder.decoded) == sorted([*EIGHT.values(), b"deadly", b"deadly"])
    assert codes_of(intake, job) == [()] * 9


def test_a_photo_at_which_two_attempts_ended_is_refused_by_the_third() -> None:
    intake, decoder = memory_intake(), SlowDecoder(deaths=9)
    job = accepted(intake, {**EIGHT, "x.jpg": b"deadly"})
    attempts(job, inspection_of(intake, decoder), deaths=MAX_CRASHES)
    assert decoder.decoded.count(b"deadly") == MAX_CRASHES
    assert codes_of(intake, job) == [()] * 8 + [("too_complex",)]


def test_a_class_picture_at_which_two_attempts_ended_is_left_out() -> None:
    intake, decoder = memory_intake(), SlowDecoder(deaths=9)
    job = accepted(intake, {**EIGHT, "class/x.jpg": b"deadly", "class/y.jpg": b"fine"})
    attempts(job, inspection_of(intake, decoder), deaths=MAX_CRASHES)
    assert len(report_of(intake, job).class_photos) == 1
    assert report_of(intake, job).codes == ("few_photos", "class_photos_ignored")
    assert [decoder.decoded.count(body) for body in EIGHT.values()] == [1] * 8


def test_all_attempts_together_have_the_upload_s_seconds() -> None:
    intake, decoder = memory_intake(), SlowDecoder(deaths=1)
    slow = {f"{n}.jpg": f"deadly {n} slow {MAX_UPLOAD_SECONDS / 6}".encode() for n in range(9)}
    job = accepted(intake, slow)
    with pytest.raises(MemoryError):
        inspect_photos(job, inspection_of(intake, decoder), NOW)
    assert progress_of(intake, job).begun == "photo 0"
    decoder.deaths = 0
    inspect_photos(job, inspection_of(intake, decoder), NOW)
    assert codes_of(intake, job).count(("not_inspected",)) == 3


def test_duplicates_and_likenesses_of_photos_before_a_crash_are_still_seen() -> None:
    intake, decoder = memory_intake(), SlowDecoder(deaths=1)
    twins = {**EIGHT, "a.jpg": b"deadly", "b.jpg": b"twin", "c.jpg": b"twin"}
    job = accepted(intake, twins)
    attempts(job, inspection_of(intake, decoder), deaths=1)
    assert codes_of(intake, job) == [()] * 10 + [("duplicate",)]


def test_a_copy_that_is_gone_is_made_again() -> None:
    intake, decoder = memory_intake(), SlowDecoder(deaths=1)
    job = accepted(intake, {**EIGHT, "x.jpg": b"deadly"})
    with pytest.raises(MemoryError):
        inspect_photos(job, inspection_of(intake, decoder), NOW)
    for item in intake.uploads.list(layout.uploads.accepted_prefix(job.job_id), 99):
        intake.uploads.delete(item.key)
    inspect_photos(job, inspection_of(intake, decoder), NOW)
    assert len(intake.uploads.list(layout.uploads.accepted_prefix(job.job_id), 99)) == 9


def test_nothing_is_remembered_once_the_report_is_written() -> None:
    intake, decoder = memory_intake(), SlowDecoder()
    job = accepted(intake, EIGHT)
    for _ in range(2):
        inspect_photos(job, inspection_of(intake, decoder), NOW)
    assert len(decoder.decoded) == 16
    assert progress_of(intake, job) == InspectionProgress(job_id=job.job_id)
