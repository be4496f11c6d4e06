"""/v1/jobs: how trainings stand, awaited if wanted, and cancelled."""

from datetime import timedelta
from functools import partial
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from contracts.documents.api.jobs import (
    JobCanceled,
    JobPage,
    JobRedriven,
    JobSamples,
    JobView,
    Sample,
)
from contracts.documents.record import JobRecord
from contracts.shared import layout
from domain.ports.front_door import place_of
from http_api.asking import caller, new_router, services
from http_api.paging import After, Limit, newest_page
from http_api.problems import ApiError
from http_api.routes.models import check_enabled
from http_api.services import Services
from http_api.waiting import Wait, until

SAMPLE_SECONDS = 900
MAX_SAMPLES = 200
ENDED = {"succeeded", "failed", "canceled"}
JobPath = Annotated[str, Path(min_length=1, max_length=64)]
Version = Annotated[
    str | None, Query(max_length=200, description="`version` of the job as it is known already.")
]

router = new_router()


@router.get("/v1/jobs", summary="List jobs", tags=["jobs"])
def list_jobs(limit: Limit = 20, after: After = None) -> JobPage:
    """Return the tenant's jobs, the newest first."""
    tenant = caller(router, "read").tenant
    newest = partial(services(router).jobs.newest, tenant)
    shown, rest = newest_page(newest, place_of, limit, after)
    return JobPage(data=tuple(JobView.of(row) for row in shown), next=rest)


@router.get("/v1/jobs/<job_id>", summary="How a job stands", tags=["jobs"])
def get_job(job_id: JobPath, wait: Wait = 0, after: Version = None) -> JobView:
    """Return how a job stands; with `wait`, at its next change or its end."""
    tenant, stores = caller(router, "read").tenant, services(router)
    return until(
        stores,
        wait,
        lambda: JobView.of(own_job(stores, tenant, job_id)),
        lambda job: job.status in ENDED or job.version != after,
    )


@router.post("/v1/jobs/<job_id>:cancel", summary="Cancel a job", tags=["jobs"])
def cancel_job(job_id: JobPath) -> JobCanceled:
    """Cancel a job; its owner gets one notice."""
    tenant, stores = caller(router, "train").tenant, services(router)
    own_job(stores, tenant, job_id)
    answer = stores.canceller.cancel(job_id, tenant)
    if answer.outcome == "unknown":
        raise ApiError("not_found")
    return JobCanceled(id=job_id, outcome=answer.outcome)


@router.get("/v1/jobs/<job_id>/samples", summary="A training's images so far", tags=["jobs"])
def get_samples(job_id: JobPath) -> JobSamples:
    """Return the images that a training draws every `validation_steps`, while it goes on."""
    tenant, stores = caller(router, "read").tenant, services(router)
    record = own_job(stores, tenant, job_id)
    check_enabled(stores, job_id)
    prefix = layout.models.samples_prefix(record.plan_id or job_id, job_id)
    end = stores.now() + timedelta(seconds=SAMPLE_SECONDS)
    found = [
        (step, one.key)
        for one in stores.documents.list(prefix, MAX_SAMPLES)
        if (step := layout.models.step_of_sample(one.key.removeprefix(prefix))) is not None
    ]
    data = tuple(
        Sample(step=step, url=stores.links.link(key, f"step-{step}.png", SAMPLE_SECONDS))
        for step, key in found
    )
    return JobSamples(expires_at=end.isoformat(), data=data)


@router.post("/v1/jobs/<job_id>:redrive", summary="Redrive a failed job", tags=["jobs"])
def redrive_job(job_id: JobPath) -> JobRedriven:
    """Continue a failed job at the stage that failed, once the cause is removed."""
    tenant, stores = caller(router, "admin").tenant, services(router)
    record = own_job(stores, tenant, job_id)
    redriven = record.status == "failed" and stores.redriver.redrive(record.execution_arn)
    return JobRedriven(id=job_id, outcome="redriven" if redriven else "too_late")


def own_job(stores: Services, tenant: str, job_id: str) -> JobRecord:
    """Return a job of the tenant.

    Raises:
        ApiError: there is none, or it belongs to another tenant; nobody learns which.
    """
    found = stores.jobs.get(job_id) if _is_id(job_id) else None
    if found is None or found.tenant != tenant:
        raise ApiError("not_found")
    return found


def _is_id(text: str) -> bool:
    return len(text) == 32 and not set(text) - set("0123456789abcdef")  # noqa: PLR2004
