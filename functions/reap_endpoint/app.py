"""Beside the states, reap_endpoint: takes down an endpoint that nobody has called for a while.

In     anything            a schedule
Out    nothing             the endpoint is gone, or was used; WarmModel or model_status wake it
Fails  anything            the next time tries again
"""

from datetime import timedelta

from aws import settings
from aws.hosting import SageMakerHosting
from domain.serving.endpoint import reap
from runtime.clock import now
from runtime.handlers import listener, logger


@listener
def lambda_handler() -> None:
    idle = timedelta(minutes=settings.number("ENDPOINT_IDLE_MINUTES"))
    if reap(SageMakerHosting.from_env(), idle, now()):
        logger.info("endpoint taken down", idle_minutes=idle.total_seconds() / 60)
