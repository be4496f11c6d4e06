"""Webhooks in the ``api`` table, and their queue: implements domain.ports.webhooks."""

from datetime import datetime
from typing import Any

from aws import settings
from aws.api.table import (
    ApiStore,
    NewRow,
    add_document,
    newest_documents,
    read_document,
    replace_document,
)
from aws.clients import client
from contracts.documents.api.webhooks import Webhook, WebhookDelivery, WebhookTask
from contracts.shared.layout.rows import deliveries_index, delivery_row, webhook_row, webhooks_index


class DynamoWebhooks(ApiStore):
    """One row for each webhook and each delivery, with the document as JSON text."""

    def add(self, webhook: Webhook) -> None:
        """Store a new webhook."""
        row, owner = webhook_row(webhook.webhook_id), webhooks_index(webhook.tenant)
        add_document(self._table, NewRow(row, owner, webhook.created_at, webhook))

    def get(self, webhook_id: str) -> Webhook | None:
        """Return the webhook as last written; None when there is none."""
        return read_document(Webhook, self._table, webhook_row(webhook_id))

    def of(self, tenant: str) -> list[Webhook]:
        """Return the tenant's webhooks, newest first."""
        return newest_documents(Webhook, self._table, webhooks_index(tenant))

    def replace(self, before: Webhook, after: Webhook) -> bool:
        """Store the change; False: somebody else has changed or removed the webhook."""
        return replace_document(self._table, webhook_row(before.webhook_id), before, after)

    def remove(self, webhook_id: str) -> None:
        """Remove the webhook."""
        self._table.delete_item(Key={"row": webhook_row(webhook_id)})

    def record(self, delivery: WebhookDelivery, delete_at: datetime) -> None:
        """Store what became of a message, until then."""
        task = delivery.task
        row = NewRow(
            delivery_row(task.webhook_id, task.message_id),
            deliveries_index(task.webhook_id),
            f"{task.message.timestamp}#{task.message_id}",
            delivery,
            int(delete_at.timestamp()),
        )
        self._table.put_item(Item=row.item())

    def delivery(self, webhook_id: str, message_id: str) -> WebhookDelivery | None:
        """Return what became of a message; None when nobody knows."""
        return read_document(WebhookDelivery, self._table, delivery_row(webhook_id, message_id))

    def deliveries(self, webhook_id: str, limit: int) -> list[WebhookDelivery]:
        """Return the newest deliveries first."""
        return newest_documents(WebhookDelivery, self._table, deliveries_index(webhook_id), limit)


class SqsWebhookQueue:
    """The queue that WEBHOOKS_QUEUE_URL names."""

    def __init__(self, url: str, sqs: Any) -> None:  # noqa: ANN401 - boto3
        self._url, self._sqs = url, sqs

    @classmethod
    def from_env(cls) -> "SqsWebhookQueue":
        """Use the queue that WEBHOOKS_QUEUE_URL names."""
        return cls(settings.text("WEBHOOKS_QUEUE_URL"), client("sqs"))

    def send(self, task: WebhookTask, group: str, once: str) -> None:
        """Queue a delivery."""
        self._sqs.send_message(
            QueueUrl=self._url,
            MessageBody=task.model_dump_json(),
            MessageGroupId=group,
            MessageDeduplicationId=once,
        )

    def wait(self, receipt_handle: str, seconds: int) -> None:
        """Hide a message that was received, and its group, for this long."""
        self._sqs.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )
