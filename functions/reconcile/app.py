"""Beside the states, reconcile: every minute it finds what no event told us.

In     anything            a schedule
Out    nothing             lost outcomes are answered, lost claims queued again, the queue launched,
                           and how it stands reported
Fails  anything            the next minute tries again
"""

from datetime import datetime, timedelta

from aws.rooms import BILLING_SECONDS, LOOKING_SECONDS, launcher, time_for
from domain.billing import settle_bills
from domain.canceling import finish_cancels
from domain.following import reconcile
from domain.launching import Launcher, launch
from domain.training import max_runtime
from domain.watching import queue_figures
from runtime.clock import now
from runtime.costs import report_costs
from runtime.stage import listener
from runtime.telemetry import report


@listener
def lambda_handler() -> None:
    everything = launcher()
    finish_cancels(everything.room, now())
    reconcile(everything.room, now(), time_for(LOOKING_SECONDS))
    report_costs(settle_bills(everything.room, now(), time_for(BILLING_SECONDS)))
    launch(everything, now())
    watch(everything, now())


def watch(everything: Launcher, moment: datetime) -> None:
    """Report how the queue stands, for the dashboard and its alarms."""
    settings = everything.settings
    longest = timedelta(seconds=max_runtime(settings.largest_batch, settings))
    figures = queue_figures(everything.room.jobs, longest, moment)
    report("QueueLength", figures.waiting)
    report("QueueAge", figures.oldest_seconds)
    report("JobsInTraining", figures.in_training)
    report("JobsStuck", figures.stuck)
