"""The queue in four figures, for the dashboard and its alarms."""

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.ports.jobs import Jobs

GRACE = timedelta(minutes=15)
"""Time that SageMaker may take to start, to stop, and to report both."""


class QueueFigures(NamedTuple):
    """The figures that reconcile reports every minute."""

    waiting: int
    oldest_seconds: float
    in_training: int
    stuck: int


def queue_figures(jobs: Jobs, max_training: timedelta, now: datetime) -> QueueFigures:
    """Count the jobs that wait, that train, and that train for longer than SageMaker lets them.

    Args:
        jobs: the queue.
        max_training: the time after which SageMaker stops any training job.
        now: in UTC.
    """
    waiting, training = jobs.queued(), jobs.in_training()
    since = [datetime.fromisoformat(record.queued_at) for record in waiting if record.queued_at]
    limit = now - max_training - GRACE
    stuck = sum(datetime.fromisoformat(record.updated_at) < limit for record in training)
    oldest = (now - min(since)).total_seconds() if since else 0.0
    return QueueFigures(len(waiting), max(0.0, oldest), len(training), stuck)
