"""Beside the states, reconcile: every minute it finds what no event told us.

In     anything            a schedule
Out    nothing             lost outcomes are answered, lost claims queued again, the queue launched
Fails  anything            the next minute tries again
"""

from aws.rooms import launcher
from domain.following import reconcile
from domain.launching import launch
from runtime.clock import now
from runtime.stage import listener


@listener
def lambda_handler() -> None:
    everything = launcher()
    reconcile(everything.room, now())
    launch(everything, now())
