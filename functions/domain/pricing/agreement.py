"""Agree on the price of a training: the only place that compares estimate and ``max_cost_usd``.

InspectPhotos calls it for a dry run, CaptionPhotos before a large set is described, PlanSweep for
all trials together, TrainAdapter for one training. All of them get the same estimate, the same
refusal and the same largest runtime.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.base import BaseCard
from contracts.documents.job import AcceptedUpload
from contracts.documents.photos import PhotoReport
from contracts.documents.record import JobRecord
from contracts.documents.speeds import MeasuredSpeeds
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import PriceUnknownError
from contracts.shared import layout
from contracts.shared.limits import MAX_COST_USD
from contracts.shared.steps import Dataset
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, find_document, find_readable, read_document
from domain.pricing.estimating import (
    Part,
    estimate_one,
    instance_of,
    make_estimate,
    offer_at,
    with_captioning,
)
from domain.pricing.prices import PUBLISHED, PriceTable
from domain.pricing.step_sharing import shape_of

MIN_SHARE_USD = 1e-6


@dataclass(frozen=True)
class PricingServices:
    """What agreeing on a price needs."""

    jobs: Jobs
    models: Storage
    bases: Storage
    instance_type: str
    """Instance type of the training jobs."""
    prices: PriceTable = PUBLISHED


def agree_on_price(job_id: str, services: PricingServices) -> None:
    """Store the estimated cost of the job's training in its record.

    Raises:
        TooExpensiveError: the estimate is above what the request allows.
        PriceUnknownError: the request has ``max_cost_usd``, and the instance type has no price.
    """
    record = services.jobs.get(job_id)
    accepted = find_document(
        services.models, layout.models.accepted_upload_key(job_id), AcceptedUpload
    )
    report = find_document(services.models, layout.models.photo_report_key(job_id), PhotoReport)
    if record is None or accepted is None or report is None:
        return  # the stage itself reports what is missing
    dataset, card = Dataset.of_report(report), card_of(services.bases, record)
    prices = with_speeds(services.prices, services.bases, card)
    request, rung, kind = accepted.request, accepted.rung, services.instance_type
    if rung is None:
        # The trials of a sweep have its report; their photos are described already.
        described = report.to_caption if report.job_id == job_id else 0
        plain = make_estimate(request, dataset, card, kind, prices)
        estimate = with_captioning(plain, described, request, kind, prices)
    else:
        estimate = estimate_one(Part(request, rung), dataset, card, kind, prices)
    offer = offer_at(estimate, request, kind, prices)
    shape = shape_of(request, dataset, card) if rung is None else None  # it shares no step
    services.jobs.record_estimate(job_id, offer.estimate, offer.max_runtime_seconds, shape)


def share_cost_limit(
    job_id: str,
    sweep: TrainingRequest,
    parts: Sequence[Part],
    report: PhotoReport,
    services: PricingServices,
) -> list[float | None]:
    """Return each part's share of a sweep's ``max_cost_usd``, in proportion to its estimate.

    The shares of all jobs that the sweep can have are the limit together. No share is below the
    part's own estimate. None: the sweep has no ``max_cost_usd``.

    Raises:
        PriceUnknownError: the instance type has no price, so no share can be computed.
    """
    limit, record = sweep.max_cost_usd, services.jobs.get(job_id)
    if limit is None or record is None:
        return [None for _ in parts]
    dataset, card = Dataset.of_report(report), card_of(services.bases, record)
    kind, prices = services.instance_type, with_speeds(services.prices, services.bases, card)
    plain = make_estimate(sweep, dataset, card, kind, prices)
    total = with_captioning(plain, report.to_caption, sweep, kind, prices).usd
    if total is None:
        raise PriceUnknownError(instance_type=instance_of(sweep, kind))
    estimates = [estimate_one(part, dataset, card, kind, prices) for part in parts]
    costs = [one.usd for one in estimates if one.usd is not None]
    return [
        min(float(MAX_COST_USD), max(MIN_SHARE_USD, cost, limit * cost / total)) for cost in costs
    ]


def card_of(bases: Storage, record: JobRecord) -> BaseCard:
    """Return the card of the job's base."""
    key = layout.bases.card_key(record.base_id)
    return read_document(bases, key, BaseCard)


def with_speeds(prices: PriceTable, bases: Storage, card: BaseCard) -> PriceTable:
    """Return the prices with what was measured of this base; a damaged document counts as none."""
    found = find_readable(bases, layout.bases.speeds_key(card.base_id), MeasuredSpeeds)
    if found is None or found.base_sha256 != card.sha256:
        return prices
    return replace(prices, speeds={one.instance_type: one for one in found.speeds})
