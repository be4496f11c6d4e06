"""Beside the states, reap_endpoint: an endpoint on demand goes when nobody calls it, and grows.

In     ReaperEvent         a schedule, or PrewarmSchedule
Out    nothing             the endpoint is deleted, resized, created, or as before
Fails  anything            the next schedule tries again
"""

from datetime import timedelta

from aws import settings
from aws.endpoint.lifecycle import SageMakerEndpointLifecycle
from contracts.documents.hosting import ReaperEvent
from domain.serving.endpoint import reap, wake
from domain.serving.growth import Growth, grow
from runtime.clock import now
from runtime.handlers import listener, logger


@listener
def lambda_handler(event: ReaperEvent) -> None:
    lifecycle = SageMakerEndpointLifecycle.from_env()
    if event.prewarm:
        logger.info("endpoint warmed ahead", status=wake(lifecycle, now()))
        return
    idle = timedelta(minutes=settings.number("ENDPOINT_IDLE_MINUTES"))
    if reap(lifecycle, idle, now()):
        logger.info("endpoint deleted", idle_minutes=idle.total_seconds() / 60)
        return
    growth = Growth(
        least=settings.number("ENDPOINT_MIN_INSTANCES"),
        most=settings.number("ENDPOINT_MAX_INSTANCES"),
        waiting=settings.number("ENDPOINT_WAITING_REQUESTS"),
        gpu_percent=settings.number("ENDPOINT_GPU_PERCENT"),
        gpus=settings.number("ENDPOINT_GPUS"),
    )
    instances = grow(lifecycle, growth, now())
    if instances is not None:
        logger.info("endpoint resized", instances=instances)
