"""How long an idle warm pool is worth its price: the ski-rental rule, and the last gaps.

An idle second is paid for. A cold start costs as much as ``cold_worth`` idle seconds. With the next
gap known, the best choice would be to keep the pool for gaps below ``cold_worth`` and to drop it at
once for longer gaps. Keeping it for exactly ``cold_worth`` seconds never costs more than twice that
choice. When the last gaps are known, the period that would have been cheapest over them costs less.
Of equally cheap periods the longest is taken: after many short gaps, a slightly longer one would
otherwise find the pool gone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from domain.ports.trainer import Run
from domain.training.capacity import Pool

MEMORY = 40
"""Number of gaps that count: the habits of the last hours, not of last month."""

ENOUGH = 6
"""Number of gaps from which a rule can be learnt; with fewer, the period is ``cold_worth``."""

MIN_PERIOD = 20
"""Seconds that events, queue and launcher may take: a shorter pool would never be reused."""

AT_ONCE = 5.0
"""Seconds that a pool waits while others are in the queue: an event and a launcher."""

COLD_WORTH = 240.0
"""Seconds from CreateTrainingJob to the first step of a cold job (docs/cost.md). Not all of them
are billed, but a user waits for them: a second of waiting counts as a second of the instance."""


def expect_pool(runs: Iterable[Run], limit: int, *, more_wait: bool) -> Pool:
    """Return what a warm pool is expected to cost and to save.

    Args:
        runs: the last training jobs that could leave such a pool, in any order.
        limit: the longest period allowed; 0: pools are switched off.
        more_wait: whether jobs are left in the queue, so that the next one comes at once.

    >>> runs = [Run(datetime.fromtimestamp(60 * n), datetime.fromtimestamp(60 * n + 30))
    ...     for n in range(9)]
    >>> expect_pool(runs, 600, more_wait=False)
    Pool(keep_alive_seconds=240, idle_seconds=30.0, hit_rate=1.0)
    >>> expect_pool([], 600, more_wait=False)
    Pool(keep_alive_seconds=240, idle_seconds=0.0, hit_rate=None)
    """
    gaps = idle_gaps(runs)
    period = keep_alive(gaps, COLD_WORTH, limit)
    if more_wait and limit > 0:
        return Pool(max(period, min(limit, MIN_PERIOD)), AT_ONCE, 1.0)
    recent = gaps[-MEMORY:]
    if len(recent) < ENOUGH:
        return Pool(period, 0.0, None)
    idle = sum(min(gap, period) for gap in recent) / len(recent)
    return Pool(period, idle, sum(gap <= period for gap in recent) / len(recent))


def keep_alive(gaps: Sequence[float], cold_worth: float, limit: int) -> int:
    """Return KeepAlivePeriodInSeconds, 0 for no pool.

    Args:
        gaps: seconds that a pool stood idle, or would have, before the next job; newest last.
        cold_worth: the price of a cold start in idle seconds.
        limit: the longest period allowed.

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
        return min(limit, round(cold_worth))
    periods = {0.0, *(gap for gap in (*recent, cold_worth) if gap <= limit)}
    longest_first = sorted(periods, reverse=True)
    best = min(longest_first, key=lambda period: cost(recent, period, cold_worth))
    return 0 if best == 0 else min(limit, max(MIN_PERIOD, -int(-best // 1)))


def cost(gaps: Iterable[float], period: float, cold_worth: float) -> float:
    """Return what a period would have cost over these gaps, in idle seconds.

    >>> cost([10, 100], 30, 240)
    280.0
    """
    return float(sum(gap if gap <= period else period + cold_worth for gap in gaps))


def idle_gaps(runs: Iterable[Run]) -> list[float]:
    """Return how long instances stood idle between training jobs, or would have; newest last.

    A new job is assumed to use the instance that has been idle for the shortest time.

    >>> at = datetime.fromtimestamp
    >>> idle_gaps([Run(at(0), at(50)), Run(at(10), at(60)), Run(at(80), at(90)), Run(at(99), None)])
    [20.0, 9.0]
    """
    known = list(runs)
    ends = sorted(end for _, end in known if end is not None)
    gaps: list[float] = []
    idle = list[datetime]()
    for created in sorted(start for start, _ in known):
        while ends and ends[0] <= created:
            idle.append(ends.pop(0))
        if idle:
            gaps.append((created - idle.pop()).total_seconds())
    return gaps
