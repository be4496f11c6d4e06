"""Which webhooks are told of a job's change."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from contracts.documents.api.webhooks import WebhookMessage, WebhookTask, events_of
from contracts.documents.status import StatusChange
from domain.ports.webhooks import WebhookQueue, Webhooks
from domain.webhooks.registering import enqueue


def fan_out(
    webhooks: Webhooks, queue: WebhookQueue, changes: Sequence[StatusChange], now: datetime
) -> int:
    """Queue a message for each change and each webhook that wants it; return how many."""
    tenants = {change.tenant for change in changes}
    listening = {tenant: webhooks.of(tenant) for tenant in tenants}
    sent = 0
    for change in changes:
        for webhook in listening[change.tenant]:
            wanted = [kind for kind in events_of(change) if kind in webhook.events]
            if not wanted or webhook.disabled_at is not None:
                continue
            task = WebhookTask(
                webhook_id=webhook.webhook_id,
                message_id=message_id(change),
                message=WebhookMessage(
                    type=wanted[0],
                    timestamp=change.updated_at,
                    data=change.model_dump(mode="json", exclude_none=True),
                ),
            )
            enqueue(webhooks, queue, webhook.tenant, task, now)
            sent += 1
    return sent


def message_id(change: StatusChange) -> str:
    """Return the id of a change: a stream that sends it twice makes one message."""
    return "msg_" + sha256(change.model_dump_json().encode()).hexdigest()[:32]
