"""How many instances an endpoint on demand has: more when it is crowded or busy, fewer later.

CloudFormation's endpoint is scaled by Application Auto Scaling (template.yaml). An endpoint that
comes and goes has nothing to register there, so reap_endpoint, which looks every five minutes,
scales it too.
"""

from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

from domain.ports.endpoint import EndpointLifecycle

LOOKED_AT = timedelta(minutes=5)
"""What happened within this time decides about growth; the reaper's own pause."""

CALM = timedelta(minutes=15)
"""Time without a crowd after which one instance goes; a new one takes some minutes to start."""

CALM_SHARE = 0.5
"""An endpoint is calm while one instance less would be at most so full."""


class Growth(NamedTuple):
    """What an operator allows."""

    least: int
    most: int
    waiting: int
    """Requests inside each device's base at which another instance is worth its price."""
    gpu_percent: int
    """Use of each GPU, in percent, at which it is; 100 is never exceeded."""
    gpus: int = 1
    """GPUs of an instance."""


class Load(NamedTuple):
    """What each instance had to do, as a mean of all of them."""

    waiting: float
    """Requests inside each device's base."""
    gpu_percent: float
    """Use of an instance's GPUs together, in percent."""

    def share(self, growth: Growth) -> float:
        """Return the load as a share of what is allowed; above 1 is too much.

        >>> Load(waiting=4, gpu_percent=90).share(Growth(1, 4, waiting=8, gpu_percent=60))
        1.5
        """
        allowed = growth.gpu_percent * growth.gpus
        return max(self.waiting / growth.waiting, self.gpu_percent / allowed)


def grow(lifecycle: EndpointLifecycle, growth: Growth, now: datetime) -> int | None:
    """Give an endpoint on demand as many instances as it needs; return how many, None: as before.

    An endpoint that is being changed, and one that CloudFormation has made, are left alone.
    """
    if growth.most <= growth.least or not lifecycle.on_demand or not lifecycle.made_on_demand():
        return None
    present = lifecycle.instances()
    if present is None:
        return None
    wanted = instances_for(
        present,
        load_within(lifecycle, now, LOOKED_AT).share(growth),
        load_within(lifecycle, now, CALM).share(growth),
        growth,
    )
    if wanted == present:
        return None
    lifecycle.resize(wanted)
    return wanted


def load_within(lifecycle: EndpointLifecycle, now: datetime, within: timedelta) -> Load:
    """Return what the endpoint had to do within this time."""
    return Load(lifecycle.waiting(now, within), lifecycle.gpu_percent(now, within))


def instances_for(present: int, lately: float, before: float, growth: Growth) -> int:
    """Return the number of instances.

    Args:
        present: how many there are.
        lately: each instance's load within LOOKED_AT, as a share of what is allowed.
        before: the same within CALM.
        growth: limits.

    >>> growth = Growth(least=1, most=4, waiting=8, gpu_percent=90)
    >>> instances_for(1, 2.5, 2.5, growth), instances_for(2, 1.0, 1.0, growth)
    (3, 2)
    >>> instances_for(3, 12.4, 12.4, growth), instances_for(3, 0.1, 1.1, growth)
    (4, 3)
    >>> instances_for(3, 0.1, 0.1, growth), instances_for(1, 0.0, 0.0, growth)
    (2, 1)
    """
    wanted = present
    if lately > 1:
        wanted = ceil(present * lately)
    elif before * present <= CALM_SHARE * (present - 1):
        wanted = present - 1
    return min(max(wanted, growth.least), growth.most)
