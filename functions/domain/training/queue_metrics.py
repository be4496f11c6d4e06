"""How the queue stands, in the four figures that an operator must see."""

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.ports.jobs import Jobs

GRACE = timedelta(minutes=15)
"""SageMaker may take so long to start, to stop and to tell about it."""


class QueueFigures(NamedTuple):
    """What reconcile reports every minute."""

    waiting: int
    oldest_seconds: float
    in_training: int
    stuck: int


def queue_figures(jobs: Jobs, longest_training: timedelta, now: datetime) -> QueueFigures:
    """Count the jobs that wait, that train, and that train for longer than SageMaker lets them.

    Args:
        jobs: the queue.
        longest_training: how long any training job may run before SageMaker stops it.
        now: in UTC.
    """
    waiting, training = jobs.queued(), jobs.in_training()
    since = [datetime.fromisoformat(record.queued_at) for record in waiting if record.queued_at]
    limit = now - longest_training - GRACE
    stuck = sum(datetime.fromisoformat(record.updated_at) < limit for record in training)
    oldest = (now - min(since)).total_seconds() if since else 0.0
    return QueueFigures(len(waiting), max(0.0, oldest), len(training), stuck)
