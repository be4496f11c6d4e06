"""/v1/usage: what the tenant has used."""

from collections import Counter
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from contracts.documents.api.keys import Quotas, Usage
from http_api.asking import caller, new_router, services

Month = Annotated[
    str | None,
    Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="As 2026-11; absent: this month."),
]

router = new_router()


@router.get("/v1/usage", summary="What the tenant has used", tags=["usage"])
def get_usage(month: Month = None) -> Usage:
    """Return the trainings of a month (UTC), what they cost, and the tenant's quotas."""
    tenant, stores = caller(router, "read").tenant, services(router)
    today = stores.now().strftime("%Y-%m-%d")
    wanted = month or stores.now().strftime("%Y-%m")
    jobs = stores.jobs.begun(tenant, wanted, f"{wanted}~")
    of_today = jobs if today.startswith(wanted) else stores.jobs.begun(tenant, today, f"{today}~")
    begun = sum(job.trial_of is None and job.created_at.startswith(today) for job in of_today)
    ended = Counter(job.status for job in jobs if job.trial_of is None)
    costs = [receipt.usd for job in jobs for receipt in job.receipts.values()]
    known = [usd for usd in costs if usd is not None]
    return Usage(
        month=wanted,
        trainings=ended.total(),
        succeeded=ended["succeeded"],
        failed=ended["failed"],
        canceled=ended["canceled"],
        usd=round(sum(known), 4) if len(known) == len(costs) else None,
        quotas=Quotas(
            trainings_per_day=stores.limits.trainings_per_day,
            trainings_today=begun,
            requests_per_minute=stores.limits.requests_per_minute,
            pictures_per_minute=stores.limits.pictures_per_minute,
        ),
    )
