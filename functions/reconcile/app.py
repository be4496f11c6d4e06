"""Beside the states, reconcile: every minute it finds what no event told us.

In     anything            a schedule
Out    nothing             lost outcomes are answered, lost claims queued again, the queue launched,
                           and how it stands reported
Fails  anything            the next minute tries again
"""

from datetime import datetime, timedelta

from aws.wiring import BILLING_SECONDS, LOOKING_SECONDS, launcher, time_for
from domain.training.billing import settle_bills
from domain.training.cancellation import finish_cancels
from domain.training.following import reconcile
from domain.training.launching import Launcher, launch
from domain.training.queue_metrics import queue_figures
from domain.training.sagemaker_job import max_runtime
from runtime.clock import now
from runtime.cost_metrics import report_costs
from runtime.handlers import listener
from runtime.metrics import report


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
