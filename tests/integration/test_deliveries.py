"""One event delivered a hundred times at once: one job, one execution that works, one message."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from contracts.documents.stages import DryRunInput
from contracts.shared import layout
from domain.intake.accepting import accept_request
from domain.intake.inspection import inspect_photos
from domain.notices.dry_run import answer_dry_run
from domain.notices.services import NoticeServices
from local.cloud.server import Cloud
from tests.fakes.intake import NOW, REQUEST, announced, memory_intake, put_upload
from tests.fakes.notifier import MemoryNotifier
from tests.integration.test_jobs import dynamo_jobs
from tests.unit.domain.test_inspection import GOOD, PlainDecoder, inspection_of

DELIVERIES = 100


def test_a_hundred_parallel_deliveries_are_one_job_and_one_message(cloud: Cloud) -> None:
    intake = replace(memory_intake(), jobs=dynamo_jobs(cloud))
    key = put_upload(intake, GOOD, {**REQUEST, "dry_run": True})
    notifier = MemoryNotifier()
    notice_services = NoticeServices(intake.models, intake.jobs, notifier)

    def execution(number: int) -> tuple[str, str]:
        answer = accept_request(announced(key, f"arn:{number}"), intake, NOW)
        if answer.status == "accepted":  # the others end in AlreadyAccepted
            summary = inspect_photos(answer.job, inspection_of(intake, PlainDecoder()), NOW)
            answer_dry_run(DryRunInput(job=answer.job, photos=summary), notice_services, NOW)
        return answer.status, answer.job.job_id

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(execution, range(DELIVERIES)))
    assert Counter(status for status, _ in answers) == {"accepted": 1, "repeat": DELIVERIES - 1}
    assert len({job_id for _, job_id in answers}) == 1
    assert [notice.code for notice in notifier.published] == ["dry_run"]
    written = {each.key.rsplit("/", 1)[-1] for each in intake.models.list("jobs/", 99)}
    assert written == {"accepted.json", "inspection.json", "photo_report.json"}
    assert len(intake.uploads.list(layout.uploads.ACCEPTED_PREFIX, 99)) == len(GOOD)
