"""Beside the states, launch_training: queued jobs -> SageMaker training jobs.

In     LaunchNews          the table's stream when a job is queued, a job's end, and every minute
Out    nothing             follow_training hears of what was started
Fails  anything            what was claimed without a training job is found by reconcile
"""

from aws.wiring import launcher
from contracts.documents.stages import LaunchNews
from domain.training.launching import launch
from runtime.clock import now
from runtime.handlers import listener


@listener
def lambda_handler(news: LaunchNews) -> None:
    launch(launcher(), now(), news.ended)
