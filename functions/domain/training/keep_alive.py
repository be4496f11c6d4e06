"""How long an idle warm pool is worth its price: the ski-rental rule, and what the past teaches.

An idle second is paid; a cold start costs what ``cold_worth`` idle seconds cost. Whoever knew the
next gap would keep the pool for gaps below ``cold_worth`` and drop it at once for longer ones.
Keeping it for exactly ``cold_worth`` seconds never costs more than twice that. Where the last gaps
are known, the period that would have served them best costs less; among equally good ones the
longest is taken, for where every gap was short, one that is longer would find the pool gone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from domain.training.sagemaker_job import Run

MEMORY = 40
"""Gaps that count: the habits of the last hours, not of last month."""

ENOUGH = 6
"""Fewer gaps than this teach nothing."""

SHORTEST = 20
"""Seconds that events, queue and launcher may take by themselves: a shorter pool is none."""

COLD_WORTH = 240.0
"""Seconds from CreateTrainingJob to the first step of a cold job (docs/cost.md). Not all of them
are billed, but a user waits for them: a second of waiting counts as a second of the instance."""


def advised_period(runs: Iterable[Run], most: int) -> int:
    """Return KeepAlivePeriodInSeconds for the next training job, 0 for no pool.

    Args:
        runs: the last training jobs that could leave a pool, in any order.
        most: no longer than this.
    """
    return keep_alive(idle_gaps(runs), COLD_WORTH, most)


def keep_alive(gaps: Sequence[float], cold_worth: float, most: int) -> int:
    """Return KeepAlivePeriodInSeconds, 0 for no pool.

    Args:
        gaps: seconds that a pool stood idle, or would have, before the next job; newest last.
        cold_worth: the price of a cold start in idle seconds.
        most: no longer than this.

    >>> keep_alive([], 240, 3600)
    240
    >>> keep_alive([20, 30, 25, 30, 20, 28, 2000], 240, 3600)
    30
    >>> keep_alive([1, 2, 1, 2, 1, 2000], 240, 3600)
    20
    >>> keep_alive([1, 2, 1, 2, 1, 2], 240, 3600)
    240
    >>> keep_alive([2000] * 6, 240, 3600)
    0
    """
    recent = gaps[-MEMORY:]
    if len(recent) < ENOUGH:
        return min(most, round(cold_worth))
    periods = {0.0, *(gap for gap in (*recent, cold_worth) if gap <= most)}
    longest_first = sorted(periods, reverse=True)
    best = min(longest_first, key=lambda period: cost(recent, period, cold_worth))
    return 0 if best == 0 else min(most, max(SHORTEST, -int(-best // 1)))


def cost(gaps: Iterable[float], period: float, cold_worth: float) -> float:
    """Return what a period would have cost over these gaps, in idle seconds.

    >>> cost([10, 100], 30, 240)
    280.0
    """
    return float(sum(gap if gap <= period else period + cold_worth for gap in gaps))


def idle_gaps(runs: Iterable[Run]) -> list[float]:
    """Return how long instances stood idle between training jobs, or would have; newest last.

    A new job is taken to use the instance that has been idle for the shortest time.

    >>> at = datetime.fromtimestamp
    >>> idle_gaps([Run(at(0), at(50)), Run(at(10), at(60)), Run(at(80), at(90)), Run(at(99), None)])
    [20.0, 9.0]
    """
    told = list(runs)
    ends = sorted(end for _, end in told if end is not None)
    gaps: list[float] = []
    idle = list[datetime]()
    for created in sorted(start for start, _ in told):
        while ends and ends[0] <= created:
            idle.append(ends.pop(0))
        if idle:
            gaps.append((created - idle.pop()).total_seconds())
    return gaps
