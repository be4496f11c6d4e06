"""What the rules of webhooks need: rows, a queue, and somebody who connects."""

from datetime import datetime
from typing import NamedTuple, Protocol

from contracts.documents.api.webhooks import (
    Failure,
    Webhook,
    WebhookDelivery,
    WebhookTask,
)


class Webhooks(Protocol):
    """Webhooks and what became of their messages."""

    def add(self, webhook: Webhook) -> None:
        """Store a new webhook."""
        ...

    def get(self, webhook_id: str) -> Webhook | None:
        """Return the webhook as last written; None when there is none."""
        ...

    def of(self, tenant: str) -> list[Webhook]:
        """Return the tenant's webhooks, newest first."""
        ...

    def replace(self, before: Webhook, after: Webhook) -> bool:
        """Store the change; False: somebody else has changed or removed the webhook."""
        ...

    def remove(self, webhook_id: str) -> None:
        """Remove the webhook."""
        ...

    def record(self, delivery: WebhookDelivery, delete_at: datetime) -> None:
        """Store what became of a message, until then."""
        ...

    def delivery(self, webhook_id: str, message_id: str) -> WebhookDelivery | None:
        """Return what became of a message; None when nobody knows."""
        ...

    def deliveries(self, webhook_id: str, limit: int) -> list[WebhookDelivery]:
        """Return the newest deliveries first."""
        ...


class WebhookQueue(Protocol):
    """A FIFO queue: the messages of one webhook about one job are delivered in order."""

    def send(self, task: WebhookTask, group: str, once: str) -> None:
        """Queue a delivery.

        Args:
            task: what to deliver.
            group: messages of one group wait for one another.
            once: a second message with this key within five minutes is dropped.
        """
        ...

    def wait(self, receipt_handle: str, seconds: int) -> None:
        """Hide a message that was received, and its group, for this long."""
        ...


class Answer(NamedTuple):
    """What a receiver answered."""

    http_status: int | None
    failure: Failure | None
    """None: a status of 2xx."""


class Sender(Protocol):
    """Somebody who connects to webhooks."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """POST the body to the address; never raise for what the receiver does."""
        ...
