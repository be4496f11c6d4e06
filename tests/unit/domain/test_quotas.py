"""Quotas of a tenant: trainings at once, and dollars a month, at the S3 door and at the API's."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.documents.money import Estimate, Receipt
from contracts.documents.record import JobRecord
from contracts.errors import QuotaUsedUpError
from domain.intake.accepting import accept_request
from domain.intake.services import IntakeServices
from domain.pricing.quotas import Quotas, exhausted, seconds_of_month, spent_usd
from tests.fakes.front_door import MemoryTenantJobs
from tests.fakes.intake import NOW, REQUEST, announced, memory_intake, put_upload
from tests.unit.runtime.api_kit import job

PHOTOS = {f"{n}.jpg": bytes([n]) for n in range(5)}


def estimate(usd: float | None) -> Estimate:
    return Estimate(steps=1, seconds=1, usd=usd)


def receipt(usd: float | None) -> Receipt:
    facts = {"training_jobs": 1, "instance_type": "ml.g5.2xlarge", "final": True}
    times = {"billable_seconds": 1, "warm_pool_seconds": 0, "spot_saving": 0}
    return Receipt.model_validate({**facts, **times, "usd": usd})


def ended(number: int, usd: float | None, **more: Any) -> JobRecord:
    return job(number, status="succeeded", receipts={"likeness-1": receipt(usd)}, **more)


def test_a_tenant_trains_as_much_as_it_likes_without_quotas() -> None:
    assert exhausted([job(n) for n in range(50)], Quotas(), NOW) is None


def test_open_jobs_count_and_trials_and_ended_ones_do_not() -> None:
    quotas = Quotas(trainings_at_once=2)
    trial = job(3, trial_of=job(1).job_id)
    assert exhausted([job(1), ended(2, 1.0), trial], quotas, NOW) is None
    used = exhausted([job(1), job(2, status="starting")], quotas, NOW)
    assert used is not None
    assert used == ("too_many_trainings", 60)


def test_a_month_costs_its_receipts_and_the_estimates_of_open_jobs() -> None:
    before = ended(9, 100.0, created_at="2026-10-31T23:59:59+00:00")
    jobs = [
        ended(1, 1.5),
        ended(2, None),
        job(3, estimate=estimate(2.0)),
        job(4, estimate=estimate(None)),
        job(5, estimate=estimate(0.5), receipts={"likeness-1": receipt(0.75)}),
        before,
    ]
    assert spent_usd(jobs, NOW) == pytest.approx(4.25)
    assert exhausted(jobs, Quotas(usd_per_month=4.26), NOW) is None
    used = exhausted(jobs, Quotas(usd_per_month=4.25), NOW)
    assert used is not None
    assert used.code == "monthly_budget_spent"
    december = datetime(2026, 12, 1, tzinfo=UTC)
    assert used.seconds == int((december - NOW).total_seconds())


def test_what_has_ended_costs_what_was_paid_and_not_what_was_estimated() -> None:
    dear = ended(1, 1.0, estimate=estimate(50.0))
    paid_so_far = job(2, receipts={"likeness-1": receipt(0.25)})  # and it has no estimate
    assert spent_usd([dear, paid_so_far], NOW) == pytest.approx(1.25)


def test_a_budget_of_less_than_a_dollar_is_one() -> None:
    used = exhausted([ended(1, 0.75)], Quotas(usd_per_month=0.5), NOW)
    assert used is not None
    assert used.code == "monthly_budget_spent"


def test_a_month_ends_at_midnight_and_not_a_fraction_of_a_second_later() -> None:
    assert seconds_of_month(datetime(2026, 12, 31, 23, 59, 30, 1, tzinfo=UTC)) == 29


def full_intake(*jobs: JobRecord, **quotas: Any) -> IntakeServices:
    known = MemoryTenantJobs()
    known.records = {one.job_id: one for one in jobs}
    return replace(memory_intake(), tenant_jobs=known, quotas=Quotas(**quotas))


@pytest.mark.parametrize(
    ("jobs", "quotas", "code"),
    [
        ([job(1)], {"trainings_at_once": 1}, "too_many_trainings"),
        ([ended(1, 5.0)], {"usd_per_month": 5}, "monthly_budget_spent"),
    ],
)
def test_the_s3_door_says_which_quota_is_used_up(
    jobs: list[JobRecord], quotas: dict[str, Any], code: str
) -> None:
    intake = full_intake(*jobs, **quotas)
    event = announced(put_upload(intake, PHOTOS))
    with pytest.raises(QuotaUsedUpError) as caught:
        accept_request(event, intake, NOW)
    assert caught.value.facts["code"] == code
    other = announced(put_upload(intake, PHOTOS, place=("globex", "first")))
    assert accept_request(other, intake, NOW).status == "accepted"


def test_a_dry_run_an_attempt_after_a_crash_and_known_content_begin_no_training() -> None:
    free = full_intake(trainings_at_once=1)
    first = announced(put_upload(free, PHOTOS), "arn:1")
    assert accept_request(first, free, NOW).status == "accepted"
    full = replace(free, tenant_jobs=full_intake(job(1)).tenant_jobs)
    assert accept_request(first, full, NOW).status == "accepted"
    again = announced(first.event.detail.object.key, "arn:2")
    assert accept_request(again, full, NOW).status == "repeat"
    dry = announced(put_upload(full, PHOTOS, {**REQUEST, "dry_run": True}, ("acme", "dry")))
    assert accept_request(dry, full, NOW).status == "accepted"
