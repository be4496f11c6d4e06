"""Webhooks in the ``api`` table, and their queue: implements domain.ports.webhooks."""

from datetime import datetime
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from aws import settings
from aws.clients import CONFIG, client
from contracts.documents.api.webhooks import Webhook, WebhookDelivery, WebhookTask
from contracts.shared.layout import (
    deliveries_index,
    delivery_row,
    webhook_row,
    webhooks_index,
)

INDEX = "tenant"
"""The table's index; its key is a text of contracts.shared.layout."""


class DynamoWebhooks:
    """One row for each webhook and each delivery, with the document as JSON text."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> "DynamoWebhooks":
        """Open the table that API_TABLE names."""
        dynamodb = boto3.resource("dynamodb", config=CONFIG)
        return cls(dynamodb.Table(settings.text("API_TABLE")))

    def add(self, webhook: Webhook) -> None:
        """Store a new webhook."""
        self._table.put_item(
            Item={
                "row": webhook_row(webhook.webhook_id),
                INDEX: webhooks_index(webhook.tenant),
                "created_at": webhook.created_at,
                "document": webhook.model_dump_json(),
            },
            ConditionExpression=Attr("row").not_exists(),
        )

    def get(self, webhook_id: str) -> Webhook | None:
        """Return the webhook as last written; None when there is none."""
        found = self._document(webhook_row(webhook_id))
        return None if found is None else Webhook.model_validate_json(found)

    def of(self, tenant: str) -> list[Webhook]:
        """Return the tenant's webhooks, newest first."""
        rows = self._rows(webhooks_index(tenant), None)
        return [Webhook.model_validate_json(row) for row in rows]

    def replace(self, before: Webhook, after: Webhook) -> bool:
        """Store the change; False: somebody else has changed or removed the webhook."""
        try:
            self._table.update_item(
                Key={"row": webhook_row(before.webhook_id)},
                UpdateExpression="SET document = :after",
                ConditionExpression="document = :before",
                ExpressionAttributeValues={
                    ":before": before.model_dump_json(),
                    ":after": after.model_dump_json(),
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def remove(self, webhook_id: str) -> None:
        """Remove the webhook."""
        self._table.delete_item(Key={"row": webhook_row(webhook_id)})

    def record(self, delivery: WebhookDelivery, delete_at: datetime) -> None:
        """Store what became of a message, until then."""
        task = delivery.task
        self._table.put_item(
            Item={
                "row": delivery_row(task.webhook_id, task.message_id),
                INDEX: deliveries_index(task.webhook_id),
                "created_at": f"{task.message.timestamp}#{task.message_id}",
                "document": delivery.model_dump_json(),
                "delete_at": int(delete_at.timestamp()),
            }
        )

    def delivery(self, webhook_id: str, message_id: str) -> WebhookDelivery | None:
        """Return what became of a message; None when nobody knows."""
        found = self._document(delivery_row(webhook_id, message_id))
        return None if found is None else WebhookDelivery.model_validate_json(found)

    def deliveries(self, webhook_id: str, limit: int) -> list[WebhookDelivery]:
        """Return the newest deliveries first."""
        rows = self._rows(deliveries_index(webhook_id), limit)
        return [WebhookDelivery.model_validate_json(row) for row in rows]

    def _document(self, row: str) -> str | None:
        item = self._table.get_item(Key={"row": row}, ConsistentRead=True).get("Item")
        return None if item is None else str(item["document"])

    def _rows(self, index: str, limit: int | None) -> list[str]:
        """Return the documents under a key of the index, the newest first."""
        query: dict[str, Any] = {
            "IndexName": INDEX,
            "KeyConditionExpression": Key(INDEX).eq(index),
            "ScanIndexForward": False,
        }
        if limit is not None:
            query["Limit"] = limit
        page = self._table.query(**query)
        items = page["Items"]
        while "LastEvaluatedKey" in page and (limit is None or len(items) < limit):
            page = self._table.query(**query, ExclusiveStartKey=page["LastEvaluatedKey"])
            items += page["Items"]
        return [str(item["document"]) for item in items[:limit]]


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
