"""A tenant's webhooks: made, changed, removed, tested; messages sent again."""

from collections.abc import Sequence
from datetime import datetime
from secrets import token_hex
from typing import NamedTuple

from contracts.documents.api.webhooks import (
    EventType,
    Webhook,
    WebhookDelivery,
    WebhookMessage,
    WebhookSecret,
    WebhookTask,
)
from contracts.shared.people.retention import DELIVERIES
from domain.ports.webhooks import WebhookQueue, Webhooks
from domain.webhooks.addresses import parse_url
from domain.webhooks.signing import new_secret, rotated

MAX_WEBHOOKS = 10
"""Webhooks of one tenant; each change of a job is sent to each of them."""


class TooManyWebhooksError(Exception):
    """The tenant has MAX_WEBHOOKS already."""


class UnknownWebhookError(Exception):
    """There is no such webhook of this tenant, or no such delivery of it."""


class WebhookServices(NamedTuple):
    """What a route needs of webhooks."""

    webhooks: Webhooks
    queue: WebhookQueue
    private: bool
    """Whether private addresses are allowed, as on a laptop."""


def register(
    services: WebhookServices,
    tenant: str,
    url: str,
    events: Sequence[EventType],
    now: datetime,
) -> Webhook:
    """Store a new webhook of the tenant.

    Raises:
        AddressRefusedError: the address is none of the internet.
        TooManyWebhooksError: the tenant has enough.
    """
    parse_url(url, private=services.private)
    if len(services.webhooks.of(tenant)) >= MAX_WEBHOOKS:
        raise TooManyWebhooksError
    made = Webhook(
        webhook_id=f"wh_{token_hex(8)}",
        tenant=tenant,
        url=url,
        events=tuple(dict.fromkeys(events)),
        secrets=(WebhookSecret(secret=new_secret()),),
        created_at=now.isoformat(),
    )
    services.webhooks.add(made)
    return made


def own_webhook(webhooks: Webhooks, tenant: str, webhook_id: str) -> Webhook:
    """Return a webhook of this tenant.

    Raises:
        UnknownWebhookError: it is somebody else's, or there is none.
    """
    found = webhooks.get(webhook_id)
    if found is None or found.tenant != tenant:
        raise UnknownWebhookError
    return found


def rotate(webhooks: Webhooks, tenant: str, webhook_id: str, now: datetime) -> Webhook:
    """Give the webhook a new secret; the old one signs too for a day.

    Raises:
        UnknownWebhookError: there is no such webhook of this tenant.
    """
    while True:
        before = own_webhook(webhooks, tenant, webhook_id)
        after = before.model_copy(update={"secrets": rotated(before.secrets, now)})
        if webhooks.replace(before, after):
            return after


def ping(services: WebhookServices, tenant: str, webhook_id: str, now: datetime) -> WebhookDelivery:
    """Queue a test message, also for a webhook that is disabled: it is enabled again.

    Raises:
        UnknownWebhookError: there is no such webhook of this tenant.
    """
    found = own_webhook(services.webhooks, tenant, webhook_id)
    if found.disabled_at is not None:
        services.webhooks.replace(found, found.model_copy(update={"disabled_at": None}))
    message = WebhookMessage(type="ping", timestamp=now.isoformat(), data={"webhook": webhook_id})
    task = WebhookTask(webhook_id=webhook_id, message_id=f"msg_{token_hex(16)}", message=message)
    return enqueue(services.webhooks, services.queue, tenant, task, now)


def replay(
    services: WebhookServices, tenant: str, webhook_id: str, message_id: str, now: datetime
) -> WebhookDelivery:
    """Send a message again, with the id it had.

    Raises:
        UnknownWebhookError: there is no such webhook of this tenant, or no such message.
    """
    own_webhook(services.webhooks, tenant, webhook_id)
    found = services.webhooks.delivery(webhook_id, message_id)
    if found is None:
        raise UnknownWebhookError
    return enqueue(services.webhooks, services.queue, tenant, found.task, now, again=True)


def enqueue(  # noqa: PLR0913 - what a message is
    webhooks: Webhooks,
    queue: WebhookQueue,
    tenant: str,
    task: WebhookTask,
    now: datetime,
    *,
    again: bool = False,
) -> WebhookDelivery:
    """Store that the message waits, and queue it.

    The row comes first: a function that dies between the two is called again, and the queue drops
    what it has had.
    """
    waiting = WebhookDelivery(task=task, tenant=tenant, updated_at=now.isoformat())
    if again or webhooks.delivery(task.webhook_id, task.message_id) is None:
        webhooks.record(waiting, now + DELIVERIES)
    subject = str(task.message.data.get("job_id", task.message_id))
    once = f"{task.webhook_id}.{task.message_id}" + (f".{token_hex(8)}" if again else "")
    queue.send(task, f"{task.webhook_id}.{subject}", once)
    return waiting
