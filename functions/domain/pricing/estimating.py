"""What a training will take and cost, said before it starts: work by speed, on one price table.

The work of a step is known from the architectures; the speed is a share of the GPU's peak. How far
to trust it: docs/cost.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.base import BaseCard, Family
from contracts.documents.money import Estimate
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import TooExpensiveError
from contracts.shared.steps import Dataset, StepPlan, plan_steps
from domain.pricing.grid import grid_points
from domain.pricing.prices import PEAK_TFLOPS, USD_PER_HOUR, cost_usd, sum_usd

START_SECONDS = 240
"""A cold instance, the image, the base and its load."""

SHARE_OF_PEAK = 0.15
"""Of the GPU's dense bfloat16 peak, that an eager training step reaches."""

JUDGED_PICTURES = 24
"""What the gate draws, with and without the adapter, about."""

DRAWING_SHARE = 0.5 * 2
"""A denoising step against a training pass: forward only, but for two prompts."""


@dataclass(frozen=True)
class Work:
    """TFLOP of one training pass, forward and backward, of one image at a resolution."""

    tflop: float
    resolution: int


WORK: dict[Family, Work] = {
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


def make_offer(
    request: TrainingRequest, dataset: Dataset, card: BaseCard, instance_type: str
) -> Offer:
    """Estimate, and turn the request's price into seconds.

    Raises:
        TooExpensiveError: the estimate is above ``max_cost_usd``, or the price is not known.
    """
    estimate = make_estimate(request, dataset, card, instance_type)
    most = request.max_cost_usd
    if most is None:
        return Offer(estimate, None)
    if estimate.usd is None:
        raise TooExpensiveError(reason="price_unknown")
    if estimate.usd > most:
        raise TooExpensiveError(estimate_usd=round(estimate.usd, 4), max_cost_usd=most)
    return Offer(estimate, int(most / USD_PER_HOUR[instance_type] * 3600))


def make_estimate(
    request: TrainingRequest, dataset: Dataset, card: BaseCard, instance_type: str
) -> Estimate:
    """Return steps, seconds and USD of a cold training job of its own; of a sweep, of them all."""
    points = [point.request for point in grid_points(request)]
    return sum_of([estimate_one(point, dataset, card, instance_type) for point in points])


def estimate_one(
    request: TrainingRequest, dataset: Dataset, card: BaseCard, instance_type: str
) -> Estimate:
    """Return the estimate of a request without a grid."""
    plan = plan_steps(request, card.training, dataset)
    speed = SHARE_OF_PEAK * PEAK_TFLOPS.get(instance_type, min(PEAK_TFLOPS.values()))
    seconds = round(START_SECONDS + work_tflop(plan, request, card) / speed)
    return Estimate(
        steps=plan.steps,
        batches=plan.batches,
        seconds=seconds,
        usd=cost_usd(instance_type, seconds),
    )


def work_tflop(plan: StepPlan, request: TrainingRequest, card: BaseCard) -> float:
    """Return the work of training passes and of pictures, those on the way included.

    Photos are trained at each of ``resolutions`` equally often; class images and pictures are of
    ``resolution``.
    """
    side = request.resolution or card.resolution
    sides = request.resolutions or (side,)
    photos = plan.batches * plan.batch_size
    of_photos = photos * sum(pass_tflop(card, one) for one in sides) / len(sides)
    of_class = photos * pass_tflop(card, side) if plan.class_images else 0.0
    on_the_way = plan.validation_rounds * plan.validation_pictures
    pictures = plan.drawn_class_images + JUDGED_PICTURES + on_the_way
    denoising = pictures * card.inference.num_inference_steps * DRAWING_SHARE
    return of_photos + of_class + denoising * pass_tflop(card, side)


def sum_of(parts: Sequence[Estimate]) -> Estimate:
    """Return several trainings' estimates as one; without a price where one has none."""
    batches = [part.batches for part in parts if part.batches is not None]
    return Estimate(
        steps=sum(part.steps for part in parts),
        batches=sum(batches) if len(batches) == len(parts) else None,
        seconds=sum(part.seconds for part in parts),
        usd=sum_usd(part.usd for part in parts),
    )


def pass_tflop(card: BaseCard, side: int) -> float:
    """Return the work of one image: it grows with the number of pixels."""
    work = WORK[card.family]
    return work.tflop * (side / work.resolution) ** 2
