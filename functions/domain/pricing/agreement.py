"""The one door behind which a price is agreed on, for a training, a sweep, its points, a dry run.

InspectPhotos comes here for a dry run, PlanSweep for all points together, TrainAdapter for one
training. All of them get the same estimate, the same refusal and the same run time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.base import BaseCard
from contracts.documents.job import AcceptedUpload
from contracts.documents.photos import PhotoReport
from contracts.documents.record import JobRecord
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import TooExpensiveError
from contracts.shared import layout
from contracts.shared.limits import MAX_COST_USD
from contracts.shared.steps import Dataset
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, find_document, read_document
from domain.pricing.estimating import estimate_one, make_offer
from domain.pricing.prices import sum_usd

MIN_SHARE_USD = 1e-6


@dataclass(frozen=True)
class PriceDesk:
    """What agreeing on a price needs of the world."""

    jobs: Jobs
    models: Storage
    bases: Storage
    instance_type: str
    """That would train."""


def agree_on_price(job_id: str, desk: PriceDesk) -> None:
    """Write into the job's record what its training will cost.

    Raises:
        TooExpensiveError: more than the request allows, or nobody knows how much.
    """
    record = desk.jobs.get(job_id)
    accepted = find_document(desk.models, layout.accepted_upload_key(job_id), AcceptedUpload)
    report = find_document(desk.models, layout.photo_report_key(job_id), PhotoReport)
    if record is None or accepted is None or report is None:
        return  # the stage itself says what is missing
    dataset, card = Dataset.of_report(report), card_of(desk.bases, record)
    offer = make_offer(accepted.request, dataset, card, desk.instance_type)
    desk.jobs.note_offer(job_id, offer.estimate, offer.max_runtime_seconds)


def share_price(
    job_id: str, points: Sequence[TrainingRequest], report: PhotoReport, desk: PriceDesk
) -> list[float | None]:
    """Return each point's share of a sweep's ``max_cost_usd``, in proportion to its estimate.

    No share is below the point's own estimate. None: the sweep names no price.

    Raises:
        TooExpensiveError: a point's price is not known, so there is nothing to share by.
    """
    most, record = points[0].max_cost_usd, desk.jobs.get(job_id)
    if most is None or record is None:
        return [None for _ in points]
    dataset, card = Dataset.of_report(report), card_of(desk.bases, record)
    estimates = [estimate_one(point, dataset, card, desk.instance_type) for point in points]
    costs = [one.usd for one in estimates if one.usd is not None]
    total = sum_usd(one.usd for one in estimates)
    if total is None:
        raise TooExpensiveError(reason="price_unknown")
    return [
        min(float(MAX_COST_USD), max(MIN_SHARE_USD, cost, most * cost / total)) for cost in costs
    ]


def card_of(bases: Storage, record: JobRecord) -> BaseCard:
    """Return the card of the job's base."""
    key = layout.base_prefix(record.base_id) + layout.BASE_FILE
    return read_document(bases, key, BaseCard)
