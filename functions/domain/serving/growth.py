"""How many instances an endpoint on demand has: more when requests wait inside it, fewer later.

CloudFormation's endpoint is scaled by Application Auto Scaling (template.yaml). An endpoint that
comes and goes has nothing to register there, so reap_endpoint, which looks every five minutes,
scales it too.
"""

from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

from domain.ports.endpoint import EndpointLifecycle

LOOKED_AT = timedelta(minutes=5)
"""Requests that waited within this time decide about growth; the reaper's own pause."""

CALM = timedelta(minutes=15)
"""Time without a crowd after which one instance goes; a new one takes some minutes to start."""

CALM_SHARE = 0.5
"""An endpoint is calm while one instance less would be at most so full."""


class Growth(NamedTuple):
    """What an operator allows."""

    least: int
    most: int
    waiting: int
    """Requests inside one instance's server at which another instance is worth its price."""


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
        lifecycle.waiting(now, LOOKED_AT),
        lifecycle.waiting(now, CALM),
        growth,
    )
    if wanted == present:
        return None
    lifecycle.resize(wanted)
    return wanted


def instances_for(present: int, lately: float, before: float, growth: Growth) -> int:
    """Return the number of instances.

    Args:
        present: how many there are.
        lately: requests inside each instance within LOOKED_AT, the largest mean of a minute.
        before: the same within CALM.
        growth: limits.

    >>> growth = Growth(least=1, most=4, waiting=8)
    >>> instances_for(1, 20.0, 20.0, growth), instances_for(2, 8.0, 8.0, growth)
    (3, 2)
    >>> instances_for(3, 99.0, 99.0, growth), instances_for(3, 1.0, 9.0, growth)
    (4, 3)
    >>> instances_for(3, 1.0, 1.0, growth), instances_for(1, 0.0, 0.0, growth)
    (2, 1)
    """
    wanted = present
    if lately > growth.waiting:
        wanted = ceil(present * lately / growth.waiting)
    elif before * present <= CALM_SHARE * growth.waiting * (present - 1):
        wanted = present - 1
    return min(max(wanted, growth.least), growth.most)
