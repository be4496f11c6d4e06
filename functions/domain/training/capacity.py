"""Spot, warm or on demand: the expected cost of each for one training job, and the choice.

Costs are counted in seconds of one instance at its on-demand price. A second in which a training
job waits for instances counts as one of them, because its users wait and its place in the quota is
blocked (the same rule as for warm pools, domain.training.keep_alive). docs/cost.md has the rule in
words, decision 0030 its reasons.
"""

from dataclasses import dataclass

from contracts.documents.capacity import Capacity, CapacityChoice, CapacityMode, CapacityReason
from domain.pricing.prices import PUBLISHED, PriceTable

COLD_WAIT, COLD_LOAD = 180.0, 60.0
"""Seconds until a new instance begins to download, which are not billed, and until it trains."""

WARM_WAIT, WARM_LOAD = 20.0, 10.0
"""The same for an instance of a warm pool."""

SPOT_WAIT = 120.0
"""Assumed further seconds until SageMaker finds a spot instance; no published figure was found."""

INTERRUPTIONS_PER_HOUR = 0.1
"""Assumed interruptions of a spot instance in an hour; about two in three jobs of four hours are
never interrupted. No published figure in hours was found."""

LOST_SHARE = 0.05
"""Share of one user's work that an interruption loses: half of the time between two checkpoints."""

MAX_SPOT_DELAY_SHARE = 0.25
"""Spot instances are for training jobs whose expected delay is at most this share of their work: a
backlog takes at most a quarter longer for being cheaper."""


@dataclass(frozen=True)
class Work:
    """One training job that is about to be launched."""

    users: int
    seconds: float
    """Estimated seconds of training on one instance, without the start."""
    wants_spot: bool | None = None
    """``run.use_spot_instances`` of the request; None: the stack chooses."""
    instances: int = 1


@dataclass(frozen=True)
class Pool:
    """What the last gaps between training jobs say about a warm pool."""

    keep_alive_seconds: int
    """The keep-alive that is asked for; 0: a pool does not pay."""
    idle_seconds: float
    """Expected seconds that the pool is paid for while it waits."""
    hit_rate: float | None
    """Share of the gaps that the pool outlasts; None: too few gaps are known."""


@dataclass(frozen=True)
class Market:
    """Prices and the operator's choice."""

    mode: CapacityMode
    instance_type: str
    spot_discount: float
    """Share of the on-demand price that a spot instance saves, 0 to 1."""
    prices: PriceTable = PUBLISHED
    has_spot: bool = True
    """False: SageMaker has just refused a planned spot job of this instance type."""


@dataclass(frozen=True)
class Expected:
    """The expected cost of each kind of instances, in on-demand seconds, waiting included."""

    spot: float
    warm: float
    on_demand: float
    spot_delay: float
    """Seconds by which spot instances are expected to end later than those on demand."""


def choose_capacity(work: Work, pool: Pool, market: Market) -> CapacityChoice:
    """Return on which kind of instances a training job runs, with the costs that decided it."""
    expected = expected_costs(work, pool, market)
    capacity, reason = decide(work, pool, market, expected)
    warm = capacity == "warm"
    return CapacityChoice(
        capacity=capacity,
        reason=reason,
        users=work.users,
        instances=work.instances,
        keep_alive_seconds=pool.keep_alive_seconds if warm else 0,
        work_seconds=round(work.seconds),
        warm_hit_rate=pool.hit_rate,
        spot_usd=usd(expected.spot, work, market),
        warm_usd=usd(expected.warm, work, market),
        on_demand_usd=usd(expected.on_demand, work, market),
    )


def is_own_choice_of_spot(choice: CapacityChoice) -> bool:
    """Return whether spot was chosen for its cost alone: neither request nor stack wants it."""
    return choice.capacity == "spot" and choice.reason == "cheapest"


def decide(
    work: Work, pool: Pool, market: Market, expected: Expected
) -> tuple[Capacity, CapacityReason]:
    """Return the kind of instances and why: the request goes first, then the stack, then cost."""
    on_demand: Capacity = "warm" if keeps_pool(pool, market, expected) else "on-demand"
    if work.wants_spot is not None:
        return ("spot" if work.wants_spot else on_demand), "request"
    if work.users == 1:
        return on_demand, "one_user"
    if market.mode != "planned":
        return ("spot" if market.mode == "spot" else on_demand), "stack"
    if not market.has_spot:
        return on_demand, "no_spot"
    if expected.spot_delay > MAX_SPOT_DELAY_SHARE * work.seconds:
        return on_demand, "too_short"
    cheaper = expected.spot < min(expected.warm, expected.on_demand)
    return ("spot" if cheaper else on_demand), "cheapest"


def keeps_pool(pool: Pool, market: Market, expected: Expected) -> bool:
    """Return whether instances on demand are kept warm: as the stack says, or where it pays."""
    if pool.keep_alive_seconds == 0 or market.mode == "on-demand":
        return False
    return market.mode == "warm" or expected.warm <= expected.on_demand


def expected_costs(work: Work, pool: Pool, market: Market) -> Expected:
    """Return the expected cost of each kind of instances.

    >>> backlog, pool = Work(users=20, seconds=3600.0), Pool(240, 120.0, 0.5)
    >>> found = expected_costs(backlog, pool, Market("planned", "ml.g5.2xlarge", 0.6))
    >>> [round(cost) for cost in (found.spot, found.warm, found.on_demand, found.spot_delay)]
    [1797, 3855, 3840, 262]
    """
    interruptions = INTERRUPTIONS_PER_HOUR * work.seconds / 3600
    again = COLD_LOAD + LOST_SHARE * work.seconds / work.users
    billed = COLD_LOAD + work.seconds + interruptions * again
    waits = (1 + interruptions) * (COLD_WAIT + SPOT_WAIT)
    hit = 0.0 if pool.hit_rate is None else pool.hit_rate
    start = hit * (WARM_WAIT + WARM_LOAD) + (1 - hit) * (COLD_WAIT + COLD_LOAD)
    return Expected(
        spot=(1 - market.spot_discount) * billed + waits,
        warm=start + pool.idle_seconds + work.seconds,
        on_demand=COLD_WAIT + COLD_LOAD + work.seconds,
        spot_delay=waits + COLD_LOAD + interruptions * again - min(start, COLD_WAIT + COLD_LOAD),
    )


def usd(seconds: float, work: Work, market: Market) -> float | None:
    """Return seconds of the training job's instances as USD at the on-demand price."""
    return market.prices.cost_usd(market.instance_type, work.instances * seconds)
