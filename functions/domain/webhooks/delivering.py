"""One delivery: signed, sent, and tried again for a day."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from contracts.documents.api.webhooks import Outcome, WebhookDelivery, WebhookTask
from contracts.shared.people.retention import DELIVERIES
from domain.ports.webhooks import Answer, Sender, Webhooks
from domain.webhooks.signing import headers

PAUSES = (5, 30, 120, 300, 900, 1800, *[3600] * 23)
"""Seconds after each failed try; the last try is about a day after the first one."""

MAX_ATTEMPTS = len(PAUSES) + 1
"""The queue's maxReceiveCount: a message that was received so often goes to the dead letters."""

GONE = 410
"""The receiver wants no more messages: by Standard Webhooks it is then disabled."""


class DeliveryServices(NamedTuple):
    """What a delivery needs."""

    webhooks: Webhooks
    sender: Sender
    now: Callable[[], datetime]


class Verdict(NamedTuple):
    """What becomes of a message."""

    outcome: Outcome
    wait_seconds: int | None
    """After which it is tried again; None: it leaves the queue."""


def deliver(services: DeliveryServices, task: WebhookTask, attempt: int) -> Verdict:
    """Send the message, and store what became of it.

    Args:
        services: rows, sender, clock.
        task: what to deliver.
        attempt: the number of this try, from 1.
    """
    webhook = services.webhooks.get(task.webhook_id)
    if webhook is None or webhook.disabled_at is not None:
        return Verdict("gone", None)
    body = task.message.model_dump_json().encode()
    signed = headers(webhook.secrets, task.message_id, body, services.now())
    answer = services.sender.post(webhook.url, body, signed)
    verdict = judge(answer, attempt)
    now = services.now()
    if services.webhooks.get(task.webhook_id) is None:  # removed or erased in the meantime
        return Verdict("gone", None)
    services.webhooks.record(
        WebhookDelivery(
            task=task,
            tenant=webhook.tenant,
            outcome=verdict.outcome,
            attempts=attempt,
            failure=answer.failure,
            http_status=answer.http_status,
            updated_at=now.isoformat(),
        ),
        now + DELIVERIES,
    )
    if verdict.outcome == "gone":
        after = webhook.model_copy(update={"disabled_at": now.isoformat()})
        services.webhooks.replace(webhook, after)
    return verdict


def judge(answer: Answer, attempt: int) -> Verdict:
    """Return what becomes of a message after this answer."""
    if answer.failure is None:
        return Verdict("delivered", None)
    if answer.http_status == GONE:
        return Verdict("gone", None)
    if attempt >= MAX_ATTEMPTS:
        return Verdict("given_up", 0)  # received too often: the queue moves it to the dead letters
    return Verdict("failed", PAUSES[attempt - 1])
