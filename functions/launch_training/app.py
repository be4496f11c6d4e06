"""Beside the states, launch_training: start training jobs for the queued jobs.

In     LaunchEvent         a queued job in the table's stream, a training job's end, every minute
Out    nothing             follow_training gets the events of the training jobs
Fails  anything            reconcile finds jobs that were claimed without a training job
"""

from aws.wiring import launch_services
from contracts.documents.stages import LaunchEvent
from domain.training.launching import launch
from runtime.clock import now
from runtime.handlers import listener


@listener
def lambda_handler(event: LaunchEvent) -> None:
    launch(launch_services(), now(), event.ended)
