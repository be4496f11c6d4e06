"""Beside the states, deliver_webhook: tell the webhooks of a tenant of its jobs.

In     QueueEvent    the webhooks' queue, one message at a time; publish_status and http_api fill it
Out    QueueAnswer   the messages that stay in the queue and are tried again later
Fails  anything      the message is tried again after the queue's visibility time-out
"""

from aws.api.webhook_sender import HttpSender
from aws.api.webhooks import DynamoWebhooks, SqsWebhookQueue
from contracts.documents.api.webhooks import QueueAnswer, QueueEvent, WebhookTask
from domain.webhooks.delivering import DeliveryServices, deliver
from runtime.clock import now
from runtime.handlers import logger, stage


@stage
def lambda_handler(event: QueueEvent) -> QueueAnswer:
    services = DeliveryServices(DynamoWebhooks.from_env(), HttpSender.from_env(), now)
    queue, kept = SqsWebhookQueue.from_env(), []
    for record in event.records:
        task = WebhookTask.model_validate_json(record.body)
        verdict = deliver(services, task, record.attempt)
        logger.info("webhook", webhook_id=task.webhook_id, outcome=verdict.outcome)
        if verdict.wait_seconds is not None:
            queue.wait(record.receipt_handle, verdict.wait_seconds)
            kept.append(record)
    return QueueAnswer.keeping(kept)
