"""Estimate what a training takes and costs, from its work, the GPU's speed and the price table.

The work of a step follows from the architecture. The speed is a share of the GPU's peak. The
accuracy of the estimate: docs/cost.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from contracts.base import Architecture, BaseCard
from contracts.documents.money import Estimate
from contracts.documents.rung import Rung
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import PriceUnknownError, TooExpensiveError
from contracts.shared.steps import (
    GATE_PICTURES,
    Dataset,
    StepBudget,
    count_steps,
    gate_pictures,
)
from contracts.shared.weights.families import FAMILIES
from domain.pricing.grid import grid_trials
from domain.pricing.halving import Rungs, plan_rungs
from domain.pricing.prices import PEAK_TFLOPS, PUBLISHED, PriceTable, sum_usd

START_SECONDS = 240
"""Seconds to start a cold instance, pull the image, and download and load the base."""

SHARE_OF_PEAK = 0.15
"""Share of the GPU's dense bfloat16 peak that an eager training step reaches."""

MEASURED_PICTURES = 4 * GATE_PICTURES
"""Pictures of the gate in a training whose speed is measured: it has one subject and one class."""

DRAWING_SHARE = 0.5
"""Work of one prompt's denoising step as a share of a training pass: forward only."""


CAPTION_SECONDS = 5
"""Assumed seconds in which a captioner describes one photo on a GPU; no captioner was measured."""


class Part(NamedTuple):
    """What one training job trains."""

    request: TrainingRequest
    """Without a grid."""
    rung: Rung | None = None
    """The part of the training; None: all of it."""


@dataclass(frozen=True)
class Work:
    """TFLOP of one training pass, forward and backward, of one image at a resolution."""

    tflop: float
    resolution: int


@dataclass(frozen=True)
class Speed:
    """How fast an instance trains."""

    tflop_per_second: float
    other_seconds: float
    """Seconds that are no training step."""
    other_pictures: int = 0
    """Pictures of the gate whose time is among ``other_seconds``."""


WORK: dict[Architecture, Work] = {
    "sd1": Work(1.82, 512),
    "sd2": Work(1.82, 512),
    "sdxl": Work(14.3, 1024),
    "zimage": Work(111.0, 1024),
}


@dataclass(frozen=True)
class Offer:
    """The estimated cost of a training, and its largest runtime."""

    estimate: Estimate
    max_runtime_seconds: int | None
    """Seconds that ``max_cost_usd`` pays for; None: the request has no ``max_cost_usd``."""


def offer_at(
    estimate: Estimate,
    request: TrainingRequest,
    instance_type: str,
    prices: PriceTable = PUBLISHED,
) -> Offer:
    """Return an estimate with the seconds that the request's ``max_cost_usd`` pays for.

    Raises:
        TooExpensiveError: the estimate is above ``max_cost_usd``.
        PriceUnknownError: the request has ``max_cost_usd``, and the instance type has no price.
    """
    kind, limit = instance_of(request, instance_type), request.max_cost_usd
    hourly = prices.usd_per_hour(kind)
    if limit is None:
        return Offer(estimate, None)
    if estimate.usd is None or hourly is None:
        raise PriceUnknownError(instance_type=kind)
    if estimate.usd > limit:
        raise TooExpensiveError(estimate_usd=round(estimate.usd, 4), max_cost_usd=limit)
    return Offer(estimate, int(limit / hourly * 3600))


def instance_of(request: TrainingRequest, default: str) -> str:
    """Return the instance type of the request's training; ``default`` is the stack's."""
    chosen = None if request.run is None else request.run.instance_type
    return chosen or default


def make_estimate(
    request: TrainingRequest,
    dataset: Dataset,
    card: BaseCard,
    instance_type: str,
    prices: PriceTable = PUBLISHED,
) -> Estimate:
    """Return steps, seconds and USD of a cold training job; for a sweep, of all trials together.

    With successive halving it is the most that the sweep can take: who goes on is not known, so
    the longest trials of each rung are counted.
    """
    rungs = rungs_of(request, dataset, card, instance_type, prices)
    longest: list[Estimate] = []
    for number, count in enumerate(rungs.counts):
        parts = [Part(trial.request, rungs.rung_of(NO_ID, trial, number)) for trial in rungs.trials]
        found = [estimate_one(part, dataset, card, instance_type, prices) for part in parts]
        longest += sorted(found, key=lambda one: one.seconds, reverse=True)[:count]
    return sum_of(longest)


NO_ID = "0" * 32
"""Id of a sweep whose rungs are only estimated."""


def rungs_of(
    request: TrainingRequest,
    dataset: Dataset,
    card: BaseCard,
    instance_type: str,
    prices: PriceTable = PUBLISHED,
) -> Rungs:
    """Return the rungs of a request's sweep; without a grid, one rung of one training."""
    halving = None if request.sweep is None else request.sweep.halving
    processes = prices.processes_on(instance_of(request, instance_type))
    return plan_rungs(
        halving,
        grid_trials(request),
        lambda trial: count_steps(trial, card.training, dataset, processes).steps,
    )


def estimate_one(
    part: Part,
    dataset: Dataset,
    card: BaseCard,
    instance_type: str,
    prices: PriceTable = PUBLISHED,
) -> Estimate:
    """Return the estimate of one job."""
    request, rung = part
    instance_type = instance_of(request, instance_type)
    processes = prices.processes_on(instance_type)
    budget = count_steps(request, card.training, dataset, processes)
    if rung is not None:
        budget = budget_of(rung, budget, request.validation_steps)
    speed = speed_of(instance_type, card, prices)
    work = work_tflop(budget, request, card, processes, speed.other_pictures)
    seconds = round(speed.other_seconds + work / speed.tflop_per_second)
    return Estimate(
        steps=budget.steps,
        batches=budget.batches,
        seconds=seconds,
        usd=prices.cost_usd(instance_type, seconds),
    )


def budget_of(rung: Rung, whole: StepBudget, validation_steps: int | None) -> StepBudget:
    """Return what one rung trains; the first one draws the class images for all."""
    every = validation_steps or whole.steps + 1
    return replace(
        whole,
        steps=rung.last_step - rung.first_step,
        drawn_class_images=0 if rung.continues else whole.drawn_class_images,
        validation_rounds=rung.last_step // every - rung.first_step // every,
    )


def speed_of(instance_type: str, card: BaseCard, prices: PriceTable) -> Speed:
    """Return what `likeness bench` measured, otherwise the model of docs/cost.md."""
    measured = prices.speeds.get(instance_type)
    if measured is None:
        peak = PEAK_TFLOPS.get(instance_type, min(PEAK_TFLOPS.values()))
        return Speed(SHARE_OF_PEAK * peak, START_SECONDS)
    tflop = pass_tflop(card, measured.resolution)
    return Speed(measured.images_per_second * tflop, measured.other_seconds, MEASURED_PICTURES)


def work_tflop(
    budget: StepBudget,
    request: TrainingRequest,
    card: BaseCard,
    processes: int = 1,
    other_pictures: int = 0,
) -> float:
    """Return one GPU's work: its training passes and all pictures, validation images included.

    The processes share the photos, and each of them draws every picture. Photos are trained equally
    often at each of ``resolutions``. Class images and pictures have ``resolution``. Pictures of the
    gate that are ``other_pictures`` (see Speed) are no work here.
    """
    side = request.resolution or card.resolution
    sides = request.resolutions or (side,)
    photos = budget.batches * budget.batch_size / processes
    of_photos = photos * sum(pass_tflop(card, one) for one in sides) / len(sides)
    of_class = photos * pass_tflop(card, side) if budget.class_images else 0.0
    validation_images = budget.validation_rounds * budget.validation_pictures
    judged = gate_pictures(request) - other_pictures
    pictures = budget.drawn_class_images + judged + validation_images
    inference = card.inference
    prompts = 2 if inference.guidance_scale > FAMILIES[card.family].guidance_off else 1
    denoising = pictures * inference.num_inference_steps * prompts * DRAWING_SHARE
    return of_photos + of_class + denoising * pass_tflop(card, side)


def with_captioning(
    estimate: Estimate, photos: int, request: TrainingRequest, kind: str, prices: PriceTable
) -> Estimate:
    """Return the estimate with the job before it that describes ``photos`` photos; 0: none does.

    Args:
        estimate: of the training, or of a sweep's trainings: the captions are written once.
        photos: number of photos to describe.
        request: with the machine that it asks for.
        kind: the stack's instance type.
        prices: by instance type.
    """
    if not photos:
        return estimate
    seconds = START_SECONDS + CAPTION_SECONDS * photos
    both = estimate.seconds + seconds
    usd = prices.cost_usd(instance_of(request, kind), seconds)
    changes = {
        "seconds": both,
        "captioning_seconds": seconds,
        "usd": sum_usd([estimate.usd, usd]),
    }
    return estimate.model_copy(update=changes)


def sum_of(parts: Sequence[Estimate]) -> Estimate:
    """Return the sum of several estimates; without a price if one of them has none."""
    batches = [part.batches for part in parts if part.batches is not None]
    return Estimate(
        steps=sum(part.steps for part in parts),
        batches=sum(batches) if len(batches) == len(parts) else None,
        seconds=sum(part.seconds for part in parts),
        usd=sum_usd(part.usd for part in parts),
        trainings=len(parts),
    )


def pass_tflop(card: BaseCard, side: int) -> float:
    """Return the work of one training pass; it is proportional to the number of pixels."""
    work = WORK[card.family]
    return work.tflop * (side / work.resolution) ** 2
