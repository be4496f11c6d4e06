"""Beside the states, reap_endpoint: delete an endpoint on demand that nobody has called lately.

In     anything            a schedule
Out    nothing             the endpoint is deleted, or was used; WarmModel or model_status wake it
Fails  anything            the next schedule tries again
"""

from datetime import timedelta

from aws import settings
from aws.endpoint_lifecycle import SageMakerEndpointLifecycle
from domain.serving.endpoint import reap
from runtime.clock import now
from runtime.handlers import listener, logger


@listener
def lambda_handler() -> None:
    idle = timedelta(minutes=settings.number("ENDPOINT_IDLE_MINUTES"))
    if reap(SageMakerEndpointLifecycle.from_env(), idle, now()):
        logger.info("endpoint deleted", idle_minutes=idle.total_seconds() / 60)
