"""domain.ports.webhooks in memory: rows, a FIFO queue that remembers, and receivers that answer."""

from datetime import datetime
from typing import NamedTuple

from contracts.documents.api.webhooks import Webhook, WebhookDelivery, WebhookTask
from domain.ports.webhooks import Answer


class MemoryWebhooks:
    def __init__(self) -> None:
        self.rows: dict[str, Webhook] = {}
        self.kept: dict[tuple[str, str], WebhookDelivery] = {}

    def add(self, webhook: Webhook) -> None:
        assert webhook.webhook_id not in self.rows
        self.rows[webhook.webhook_id] = webhook

    def get(self, webhook_id: str) -> Webhook | None:
        return self.rows.get(webhook_id)

    def of(self, tenant: str) -> list[Webhook]:
        found = [row for row in self.rows.values() if row.tenant == tenant]
        return sorted(found, key=lambda row: row.created_at, reverse=True)

    def replace(self, before: Webhook, after: Webhook) -> bool:
        if self.rows.get(before.webhook_id) != before:
            return False
        self.rows[before.webhook_id] = after
        return True

    def remove(self, webhook_id: str) -> None:
        self.rows.pop(webhook_id, None)

    def record(self, delivery: WebhookDelivery, delete_at: datetime) -> None:
        assert delete_at.tzinfo is not None
        self.kept[delivery.task.webhook_id, delivery.task.message_id] = delivery

    def delivery(self, webhook_id: str, message_id: str) -> WebhookDelivery | None:
        return self.kept.get((webhook_id, message_id))

    def deliveries(self, webhook_id: str, limit: int) -> list[WebhookDelivery]:
        found = [one for (webhook, _), one in self.kept.items() if webhook == webhook_id]
        key = lambda one: (one.task.message.timestamp, one.task.message_id)  # noqa: E731
        return sorted(found, key=key, reverse=True)[:limit]


class Queued(NamedTuple):
    task: WebhookTask
    group: str


class MemoryWebhookQueue:
    """Forgets a message whose key it has had, as SQS does for five minutes."""

    def __init__(self) -> None:
        self.messages: list[Queued] = []
        self.waits: list[tuple[str, int]] = []
        self._once: set[str] = set()

    def send(self, task: WebhookTask, group: str, once: str) -> None:
        if once not in self._once:
            self._once.add(once)
            self.messages.append(Queued(task, group))

    def wait(self, receipt_handle: str, seconds: int) -> None:
        self.waits.append((receipt_handle, seconds))


class Post(NamedTuple):
    url: str
    body: bytes
    headers: dict[str, str]


class MemorySender:
    """Gives its answers in turn, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.posts: list[Post] = []
        self._answers = list(answers) or [Answer(200, None)]

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        self.posts.append(Post(url, body, headers))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
