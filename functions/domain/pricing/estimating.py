"""Estimate what a training takes and costs, from its work, the GPU's speed and the price table.

The work of a step follows from the architecture. The speed is a share of the GPU's peak. The
accuracy of the estimate: docs/cost.md.
"""

from dataclasses import dataclass

from contracts.base import Architecture, BaseCard
from contracts.documents.job import AcceptedUpload
from contracts.documents.money import Estimate
from contracts.documents.photos import PhotoReport
from contracts.documents.record import JobRecord
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import TooExpensiveError
from contracts.shared import layout
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, find_document, read_document
from domain.pricing.grid import grid_trials
from domain.pricing.prices import PEAK_TFLOPS, USD_PER_HOUR, cost_usd

START_SECONDS = 240
"""Seconds to start a cold instance, pull the image, and download and load the base."""

SHARE_OF_PEAK = 0.15
"""Share of the GPU's dense bfloat16 peak that an eager training step reaches."""

JUDGED_PICTURES = 24
"""Approximate number of pictures that the gate draws, with and without the adapter."""

DRAWING_SHARE = 0.5 * 2
"""Work of a denoising step as a share of a training pass: forward only, but for two prompts."""


@dataclass(frozen=True)
class Work:
    """TFLOP of one training pass, forward and backward, of one image at a resolution."""

    tflop: float
    resolution: int


WORK: dict[Architecture, Work] = {
    "sd1": Work(1.82, 512),
    "sd2": Work(1.82, 512),
    "sdxl": Work(14.3, 1024),
}


@dataclass(frozen=True)
class Offer:
    """What the training costs, and how long it may run."""

    estimate: Estimate
    max_runtime_seconds: int | None
    """Absent: the request names no price."""


def agree_on_price(
    job_id: str, jobs: Jobs, models: Storage, bases: Storage, instance_type: str
) -> None:
    """Note in the job's record what its training will cost.

    Raises:
        TooExpensiveError: more than the request allows.
    """
    record = jobs.get(job_id)
    accepted = find_document(models, layout.accepted_upload_key(job_id), AcceptedUpload)
    report = find_document(models, layout.photo_report_key(job_id), PhotoReport)
    if record is None or accepted is None or report is None:
        return  # the stage itself says what is missing
    offer = make_offer(accepted.request, count_good(report), card_of(bases, record), instance_type)
    jobs.record_estimate(job_id, offer.estimate, offer.max_runtime_seconds)


def count_good(report: PhotoReport) -> int:
    """Return how many photos training will see."""
    return sum(photo.verdict != "refused" for photo in report.photos)


def card_of(bases: Storage, record: JobRecord) -> BaseCard:
    """Return the card of the job's base."""
    key = layout.base_prefix(record.base_id) + layout.BASE_FILE
    return read_document(bases, key, BaseCard)


def make_offer(request: TrainingRequest, photos: int, card: BaseCard, instance_type: str) -> Offer:
    """Estimate, and turn the request's price into seconds.

    Raises:
        TooExpensiveError: the estimate is above ``max_cost_usd``, or the price is not known.
    """
    estimate = make_estimate(request, photos, card, instance_type)
    most = request.max_cost_usd
    if most is None:
        return Offer(estimate, None)
    if estimate.usd is None:
        raise TooExpensiveError(reason="price_unknown")
    if estimate.usd > most:
        raise TooExpensiveError(estimate_usd=round(estimate.usd, 4), max_cost_usd=most)
    return Offer(estimate, int(most / USD_PER_HOUR[instance_type] * 3600))


def make_estimate(
    request: TrainingRequest, photos: int, card: BaseCard, instance_type: str
) -> Estimate:
    """Return steps, seconds and USD of a cold training job of its own; of a sweep, of them all."""
    if request.sweep is not None:
        parts = (
            make_estimate(p.request, photos, card, instance_type) for p in grid_trials(request)
        )
        return sum_of(list(parts))
    steps = request.max_train_steps or default_steps(photos, card)
    batch = request.train_batch_size or card.training.train_batch_size
    class_images = request.num_class_images if request.with_prior_preservation else 0
    passes = steps * batch * (2 if class_images else 1)
    drawn = (class_images + JUDGED_PICTURES) * card.inference.num_inference_steps
    work = (passes + drawn * DRAWING_SHARE) * pass_tflop(card, request.resolution)
    speed = SHARE_OF_PEAK * PEAK_TFLOPS.get(instance_type, min(PEAK_TFLOPS.values()))
    seconds = round(START_SECONDS + work / speed)
    return Estimate(steps=steps, seconds=seconds, usd=cost_usd(instance_type, seconds))


def sum_of(parts: list[Estimate]) -> Estimate:
    """Return several trainings' estimates as one."""
    prices = [part.usd for part in parts if part.usd is not None]
    return Estimate(
        steps=sum(part.steps for part in parts),
        seconds=sum(part.seconds for part in parts),
        usd=sum(prices) if len(prices) == len(parts) else None,
    )


def default_steps(photos: int, card: BaseCard) -> int:
    """Return how many steps the base gives so many photos; the trainer keeps a few from training.

    So this is at most a tenth too many, and never too few.
    """
    defaults = card.training
    wanted = photos * defaults.steps_per_photo
    return min(max(wanted, defaults.min_train_steps), defaults.max_train_steps)


def pass_tflop(card: BaseCard, resolution: int | None) -> float:
    """Return the work of one image: it grows with the number of pixels."""
    work = WORK[card.family]
    return work.tflop * ((resolution or card.resolution) / work.resolution) ** 2
