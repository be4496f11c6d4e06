"""Ten thousand uploads in ten minutes against a simulated SageMaker, in virtual time.

Usage: python -m bench.planning.simulate [--uploads N] [--seeds N] [--only PART]
The real planner, launcher (with its keep-alive rule) and follower run on memory fakes. Simulated
are SageMaker's start-up (20 s from a warm pool, 180 s cold), the load of the base (10 s and 60 s),
a fixed training time for each user, the quota of instances, the rate of CreateTrainingJob (one a
second with a burst of ten), and spot instances (bench.planning.capacity). The comparison is one
cold training job for each user, first come first served, on as many instances. Three more parts
compare planned capacity with a fixed kind of instances, and simulate warm pools under ten arrival
patterns and stories of faults. Prints the tables and writes reports/simulate.json; exits 1 when a
target is missed. ``--only capacity`` runs one part (burst, capacity, pools or stories).
"""

import argparse
import heapq
import logging
import statistics
import sys
from collections import Counter
from collections.abc import Callable  # noqa: TC003 - the annotation of a local name

from bench.planning import capacity, keep_alive
from bench.planning.virtual_sagemaker import (
    COLD_LOAD,
    COLD_START,
    INSTANCE,
    MAX_BATCH,
    REQUESTS_BURST,
    Figures,
    Simulation,
    Stack,
)
from bench.report import Figure, finish
from domain.pricing.prices import USD_PER_HOUR
from tests.fakes.notice_story import NoticeStory
from tests.fakes.story import story_of

BURST_SECONDS = 600
LONG_ENOUGH = 30.0
"""Training seconds of a user above which the start-up is a small part."""
WAIT_TARGETS_AT, WAIT_TARGETS = 20, {10.0: 20.0, 30.0: 8.0}
"""Targets at this quota: how many times shorter the median wait is, by seconds a user."""
REPLAY = "LIKENESS_SEED={seed} .venv/tools/bin/pytest tests/unit/domain/test_chaos.py"
CELLS = [(quota, user) for quota in (20, 100) for user in (10.0, 30.0, 130.0)]


def one_job_for_each(uploads: int, quota: int, user_seconds: float) -> Figures:
    """Return the results of cold jobs with one user each, limited by the quota."""
    service = COLD_START + COLD_LOAD + user_seconds
    free = [0.0] * quota
    waits, last = [], 0.0
    for number in range(uploads):
        arrival = BURST_SECONDS * number / uploads
        end = max(arrival, number - REQUESTS_BURST, heapq.heappop(free)) + service
        heapq.heappush(free, end)
        waits.append(end - arrival)
        last = max(last, end)
    return Figures(last, statistics.median(waits), uploads, 0, uploads * service)


def lower_bound(uploads: int, quota: int, user_seconds: float) -> float:
    """Return the makespan when every instance starts cold once and then only trains."""
    return COLD_START + COLD_LOAD + uploads * user_seconds / quota


def burst(uploads: int) -> list[Figure]:
    """Return the figures of every cell."""
    print(f"{uploads} uploads in {BURST_SECONDS} s, {INSTANCE}, LargestBatch {MAX_BATCH}")
    found = []
    for quota, user_seconds in CELLS:
        arrivals = [BURST_SECONDS * number / uploads for number in range(uploads)]
        ours = Simulation(arrivals, Stack(quota, user_seconds)).run()
        naive = one_job_for_each(uploads, quota, user_seconds)
        found += figures_of_cell(ours, naive, uploads, quota, user_seconds)
    return found


def figures_of_cell(
    ours: Figures, naive: Figures, uploads: int, quota: int, user_seconds: float
) -> list[Figure]:
    """Return the figures of one cell with their targets."""
    cell = f"quota {quota}, {user_seconds:g} s a user"
    over = ours.makespan / lower_bound(uploads, quota, user_seconds)
    sooner = naive.median_wait / ours.median_wait
    asked = WAIT_TARGETS.get(user_seconds) if quota == WAIT_TARGETS_AT else None
    adapter = USD_PER_HOUR[INSTANCE] * ours.billed / 3600 / uploads
    warm = 100 * ours.warm / ours.training_jobs
    bound = 1.1 if user_seconds >= LONG_ENOUGH else 1.3
    return [
        Figure(f"{cell}: makespan", ours.makespan, "s"),
        Figure(f"{cell}: makespan over the lower bound", over, "x", bound, "less"),
        Figure(f"{cell}: median wait", ours.median_wait, "s"),
        Figure(f"{cell}: median wait, one job for each over ours", sooner, "x", asked),
        Figure(f"{cell}: warm starts of {ours.training_jobs} training jobs", warm, "%"),
        Figure(f"{cell}: cost of an adapter", adapter, "USD"),
    ]


def stories(seeds: int) -> list[Figure]:
    """Return the number of failed fault stories; print each bad seed with its command."""
    wrong: Counter[str] = Counter()
    repeats = 0
    for seed in range(seeds):
        notice_story = NoticeStory(seed).play()
        repeats += notice_story.repeats
        for complaint in story_of(seed).complaints() + notice_story.complaints():
            wrong[complaint] += 1
            print(f"seed {seed}: {complaint}; {REPLAY.format(seed=seed)}")
    names = ("lost", "trained twice", "stuck in training", "stuck in the queue")
    return [
        *(Figure(f"{seeds} stories: {n}", wrong[n], "", 0, "less") for n in names),
        Figure(f"{seeds} stories: endings without a notice", wrong["no notice"], "", 0, "less"),
        Figure(f"{seeds} stories: endings with two notices", wrong["two notices"], "", 0, "less"),
        Figure(f"{seeds} stories: messages sent again under their notice_id", repeats),
    ]


def main() -> int:
    """Print the tables; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description="Ten thousand uploads, in virtual time.")
    parser.add_argument("--uploads", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--only", choices=("burst", "capacity", "pools", "stories"))
    options = parser.parse_args()
    logging.disable()  # the rules log every fault, and the stories contain many
    parts: dict[str, Callable[[], list[Figure]]] = {
        "burst": lambda: burst(options.uploads),
        "capacity": capacity.figures,
        "pools": keep_alive.figures,
        "stories": lambda: stories(options.seeds),
    }
    chosen = parts if options.only is None else {options.only: parts[options.only]}
    found = [figure for part in chosen.values() for figure in part()]
    name = "simulate" if options.only is None else f"simulate-{options.only}"
    return finish(name, found)


if __name__ == "__main__":
    sys.exit(main())
