"""The cost of a warm pool under ten arrival patterns and five keep-alive rules.

The cost is the paid idle time plus the cold starts; a cold start counts as COLD_WORTH idle seconds.
The optimum knows every gap in advance. Our rule is the one of launch_training,
domain.training.keep_alive.expect_pool, which knows only the earlier training jobs.
"""

import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

from bench.report import Figure
from domain.ports.cost_records import RECENT_RUNS
from domain.ports.trainer import Run
from domain.training.keep_alive import COLD_WORTH, cost, expect_pool

ARRIVALS = 600
SERVICE_SECONDS = 60.0
MAX_PERIOD = 3600
Rule = Callable[[list[float]], float]


def steady(mean: float, rng: random.Random) -> Iterator[float]:
    """Poisson arrivals."""
    while True:
        yield rng.expovariate(1 / mean)


def daily(busy: float, quiet: float, rng: random.Random) -> Iterator[float]:
    """Busy by day, quiet by night, every 24 hours."""
    now = 0.0
    while True:
        share = 0.5 - 0.5 * math.cos(2 * math.pi * now / 86400)
        gap = rng.expovariate(1 / math.exp(math.log(quiet) + share * math.log(busy / quiet)))
        now += gap
        yield gap


def bursts(inside: float, between: float, rng: random.Random) -> Iterator[float]:
    """A dozen uploads close together, then a long pause."""
    while True:
        for _ in range(rng.randint(6, 18)):
            yield rng.expovariate(1 / inside)
        yield rng.expovariate(1 / between)


def heavy(scale: float, rng: random.Random) -> Iterator[float]:
    """Many short gaps and a few very long ones."""
    while True:
        yield scale * (rng.paretovariate(1.1) - 1)


TRACES: dict[str, Callable[[random.Random], Iterator[float]]] = {
    "an upload every 80 s": partial(steady, 80.0),
    "every 3 min": partial(steady, 180.0),
    "every 10 min": partial(steady, 600.0),
    "every hour": partial(steady, 3600.0),
    "by day every minute": partial(daily, 60.0, 3600.0),
    "by day every 5 min": partial(daily, 300.0, 7200.0),
    "bursts of a campaign": partial(bursts, 20.0, 7200.0),
    "bursts of a class": partial(bursts, 90.0, 1800.0),
    "heavy tail, short": partial(heavy, 40.0),
    "heavy tail, long": partial(heavy, 200.0),
}


def gaps_of(trace: Callable[[random.Random], Iterator[float]], seed: int) -> list[float]:
    """Return the idle time before each job of one instance, which runs one job after another."""
    between = trace(random.Random(seed))  # noqa: S311 - a simulation
    arrivals = [0.0]
    while len(arrivals) < ARRIVALS:
        arrivals.append(arrivals[-1] + next(between))
    ends: list[float] = []
    for arrival in arrivals:
        ends.append(max(arrival, ends[-1] if ends else 0.0) + SERVICE_SECONDS)
    starts = [max(arrival, end) for arrival, end in zip(arrivals[1:], ends[:-1], strict=True)]
    return [start - end for (end, _), start in zip(pairwise(ends), starts, strict=True)]


def paid(gaps: list[float], rule: Rule) -> float:
    """Return the cost of a rule, which sets each period from the gaps before it."""
    return sum(cost([gap], rule(gaps[:number]), COLD_WORTH) for number, gap in enumerate(gaps))


def optimum(gaps: list[float]) -> float:
    """Return the cost when every gap is known in advance."""
    return sum(min(gap, COLD_WORTH) for gap in gaps)


def runs_with(gaps: list[float]) -> list[Run]:
    """Return training jobs with these gaps between them; the last one still runs."""
    begun = [datetime(2026, 1, 1, tzinfo=UTC)]
    for gap in gaps:
        begun.append(begun[-1] + timedelta(seconds=SERVICE_SECONDS + gap))
    ended = [Run(moment, moment + timedelta(seconds=SERVICE_SECONDS)) for moment in begun[:-1]]
    return [*ended, Run(begun[-1], None)]


RULES: dict[str, Rule] = {
    "ours": lambda past: (
        expect_pool(
            runs_with(past[-RECENT_RUNS + 1 :]), MAX_PERIOD, more_wait=False
        ).keep_alive_seconds
    ),
    "ski rental alone": lambda _: COLD_WORTH,
    "always 600 s": lambda _: 600.0,
    "always 3600 s": lambda _: 3600.0,
    "no pool": lambda _: 0.0,
}


def figures(traces: int = len(TRACES)) -> list[Figure]:
    """Return the cost over the optimum, for all traces together and for the worst one."""
    gaps = [gaps_of(trace, seed) for seed, trace in enumerate([*TRACES.values()][:traces])]
    best = [optimum(each) for each in gaps]
    found = []
    for name, rule in RULES.items():
        costs = [paid(each, rule) for each in gaps]
        total, worst = sum(costs) / sum(best), max(c / b for c, b in zip(costs, best, strict=True))
        target = (1.3, 2.0) if name == "ours" else (None, None)
        found += [
            Figure(f"keep-alive, {name}: cost over the optimum", total, "x", target[0], "less"),
            Figure(f"keep-alive, {name}: the worst trace", worst, "x", target[1], "less"),
        ]
    return found
