"""Planned capacity beside a fixed kind of instances: what an adapter costs, and how long one waits.

The same uploads are simulated three times: the planner chooses spot, warm or on demand for each
training job (TrainingCapacity=planned); jobs of several users are always on spot instances (spot,
which was SpotBacklog=true); none is (warm, which was SpotBacklog=false). Spot instances are 60 %
cheaper, come 120 s later on average, and are interrupted once in ten hours: the assumptions of
domain.training.capacity, drawn at random here. The last cell compares training jobs of one instance
with jobs of several, where SageMaker's one request a second is too slow for single ones.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from bench.planning.virtual_sagemaker import INSTANCE, Figures, Simulation, Stack
from bench.report import Figure
from contracts.documents.capacity import CapacityMode
from domain.pricing.prices import USD_PER_HOUR

MODES: tuple[CapacityMode, ...] = ("planned", "spot", "warm")
MAX_COST, MAX_WAIT = 1.0, 1.3
"""Targets against warm instances alone: planned capacity is never dearer, and a backlog takes at
most a quarter longer, as domain.training.capacity promises; chance gets the rest."""


class Cell(NamedTuple):
    """Uploads and the stack that they meet."""

    name: str
    arrivals: Sequence[float]
    quota: int
    user_seconds: float


def burst_of(uploads: int, seconds: float) -> list[float]:
    """Return the times of evenly spread uploads."""
    return [seconds * number / uploads for number in range(uploads)]


def poisson(uploads: int, mean: float) -> list[float]:
    """Return the times of uploads that come by themselves."""
    dice, now = random.Random(7), 0.0  # noqa: S311 - a simulation
    times = []
    for _ in range(uploads):
        now += dice.expovariate(1 / mean)
        times.append(now)
    return times


CELLS = (
    Cell("1,000 in 3 min, 130 s a user", burst_of(1000, 180), 10, 130.0),
    Cell("1,000 in 3 min, 30 s a user", burst_of(1000, 180), 10, 30.0),
    Cell("300 in an hour, 130 s a user", poisson(300, 12.0), 5, 130.0),
    Cell("one in 3 min, 130 s a user", poisson(200, 180.0), 5, 130.0),
    Cell("one in an hour, 130 s a user", poisson(60, 3600.0), 5, 130.0),
)
WIDE = Stack(quota=400, user_seconds=10.0)
WIDE_UPLOADS, WIDE_SECONDS = 3000, 60


def figures() -> list[Figure]:
    """Return the figures of every cell, and of training jobs of several instances."""
    found = [figure for cell in CELLS for figure in figures_of(cell)]
    return found + instances()


def figures_of(cell: Cell) -> list[Figure]:
    """Return what an adapter costs and how long one waits, for each mode."""
    by_mode = {
        mode: Simulation(cell.arrivals, Stack(cell.quota, cell.user_seconds, mode)).run()
        for mode in MODES
    }
    found = []
    for mode, run in by_mode.items():
        found += [
            Figure(f"{cell.name}, {mode}: an adapter", usd(run, len(cell.arrivals)), "USD"),
            Figure(f"{cell.name}, {mode}: median wait", run.median_wait, "s"),
            Figure(f"{cell.name}, {mode}: spot jobs of {run.training_jobs}", run.spot),
        ]
    return found + compared(cell, by_mode)


def compared(cell: Cell, by_mode: dict[CapacityMode, Figures]) -> list[Figure]:
    """Return planned capacity against the two fixed kinds."""
    planned, spot, warm = (by_mode[mode] for mode in MODES)
    cost, wait = planned.billed / warm.billed, planned.median_wait / warm.median_wait
    later = planned.median_wait / spot.median_wait
    return [
        Figure(f"{cell.name}: planned, cost over warm", cost, "x", MAX_COST, "less"),
        Figure(f"{cell.name}: planned, wait over warm", wait, "x", MAX_WAIT, "less"),
        Figure(f"{cell.name}: planned, cost over spot", planned.billed / spot.billed, "x"),
        Figure(f"{cell.name}: planned, wait over spot", later, "x", MAX_COST, "less"),
    ]


def usd(run: Figures, uploads: int) -> float:
    """Return the cost of an adapter."""
    return USD_PER_HOUR[INSTANCE] * run.billed / 3600 / uploads


def instances() -> list[Figure]:
    """Return what training jobs of several instances gain at a large quota."""
    arrivals = burst_of(WIDE_UPLOADS, WIDE_SECONDS)
    single = Simulation(arrivals, WIDE).run()
    several = Simulation(arrivals, Stack(WIDE.quota, WIDE.user_seconds, max_instances=5)).run()
    cell = f"{WIDE_UPLOADS:,} in a minute, quota {WIDE.quota}, {WIDE.user_seconds:g} s a user"
    return [
        Figure(f"{cell}: makespan with one instance a job", single.makespan, "s"),
        Figure(f"{cell}: makespan with up to five", several.makespan, "s"),
        Figure(f"{cell}: training jobs, one instance", single.training_jobs),
        Figure(f"{cell}: training jobs, up to five", several.training_jobs),
        Figure(f"{cell}: median wait with one instance", single.median_wait, "s"),
        Figure(f"{cell}: median wait with up to five", several.median_wait, "s"),
        Figure(f"{cell}: cost over one instance", several.billed / single.billed, "x"),
    ]
