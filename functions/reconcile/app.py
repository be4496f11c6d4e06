"""Beside the states, reconcile: every minute, find what no event has announced.

In     anything            a schedule
Out    nothing             lost outcomes are answered, lost claims are queued again, the queue is
                           launched, and its figures are reported
Fails  anything            the next minute tries again
"""

from datetime import datetime, timedelta

from aws.wiring import BILLING_SECONDS, FOLLOWING_SECONDS, launch_services, time_for
from domain.training.billing import settle_cost_records
from domain.training.cancellation import finish_cancels
from domain.training.following import reconcile
from domain.training.launching import launch
from domain.training.queue_metrics import queue_figures
from domain.training.sagemaker_job import max_runtime
from domain.training.services import LaunchServices
from runtime.clock import now
from runtime.cost_metrics import report_costs
from runtime.handlers import listener
from runtime.metrics import report


@listener
def lambda_handler() -> None:
    services = launch_services()
    finish_cancels(services.training, now())
    reconcile(services.training, now(), time_for(FOLLOWING_SECONDS))
    report_costs(settle_cost_records(services.training, now(), time_for(BILLING_SECONDS)))
    launch(services, now())
    report_queue(services, now())


def report_queue(services: LaunchServices, moment: datetime) -> None:
    """Report the queue's figures for the dashboard and its alarms."""
    settings = services.settings
    max_training = timedelta(seconds=max_runtime(settings.max_batch, settings))
    figures = queue_figures(services.training.jobs, max_training, moment)
    report("QueueLength", figures.waiting)
    report("QueueAge", figures.oldest_seconds)
    report("JobsInTraining", figures.in_training)
    report("JobsStuck", figures.stuck)
