"""Beside the states, draw_picture: ask the endpoint for an ordered picture, and store it.

In     QueueEvent    the pictures' queue, one message at a time; http_api fills it
Out    QueueAnswer   the messages that are to go to the dead-letter queue
Fails  anything      the message comes again after the queue's visibility time-out
"""

from aws.api.aliases import DynamoAliases
from aws.api.pictures import DynamoPictures, SqsPictureQueue
from aws.endpoint.invoker import SageMakerEndpointInvoker
from aws.endpoint.lifecycle import SageMakerEndpointLifecycle
from aws.endpoint.models import DynamoModels
from aws.storage import S3Storage
from contracts.documents.api.pictures import PictureTask
from contracts.documents.api.webhooks import QueueAnswer, QueueEvent
from domain.pictures.drawing import MAX_RECEIVES, DrawingServices, draw, give_up
from runtime.clock import now
from runtime.handlers import logger, stage


@stage
def lambda_handler(event: QueueEvent) -> QueueAnswer:
    services = _services()
    kept = []
    for record in event.records:
        task = PictureTask.model_validate_json(record.body)
        if record.attempt >= MAX_RECEIVES:
            give_up(services, task)
            kept.append(record)
            continue
        row = draw(services, task)
        status = None if row is None else row.status
        code = None if row is None else row.code or row.waiting_for
        logger.info("picture", picture_id=task.picture_id, status=status, code=code)
    return QueueAnswer.keeping(kept)


def _services() -> DrawingServices:
    """Open the stores that the template's variables name."""
    return DrawingServices(
        pictures=DynamoPictures.from_env(),
        queue=SqsPictureQueue.from_env(),
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        models=DynamoModels.from_env(),
        endpoint=SageMakerEndpointInvoker.from_env(),
        lifecycle=SageMakerEndpointLifecycle.from_env(),
        now=now,
        aliases=DynamoAliases.from_env(),
    )
