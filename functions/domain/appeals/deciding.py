"""An operator's yes or no to an appeal, and the message about it to the tenant."""

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from contracts.documents.api.webhooks import WebhookMessage, WebhookTask
from contracts.documents.appeal import (
    AppealAnswer,
    AppealOrder,
    AppealRow,
    AppealStatus,
    AppealText,
    AppealView,
)
from contracts.shared import layout
from contracts.shared.words.allowed_texts import markers_of
from domain.appeals.allowing import hashes_in
from domain.audit.entries import Deed, record
from domain.operating.orders import OPERATORS, Orders, carry_out
from domain.ports.appeals import Appeals, place_of
from domain.ports.audit import AuditTrail
from domain.ports.storage import Storage, find_readable
from domain.ports.webhooks import WebhookQueue, Webhooks
from domain.webhooks.registering import enqueue

DECIDED = "appeal.decided"


class AppealServices(NamedTuple):
    """What deciding needs."""

    appeals: Appeals
    models: Storage
    """The models bucket, whose markers every server reads within seconds."""
    uploads: Storage
    audit: AuditTrail
    webhooks: Webhooks
    queue: WebhookQueue


def decide(given: AppealOrder, services: AppealServices, now: datetime) -> AppealAnswer:
    """Carry out an operator's order; the same order again changes nothing."""
    orders = Orders[AppealRow, AppealAnswer](
        listed=lambda rows: AppealAnswer(outcome="listed", appeals=tuple(rows)),
        unknown=AppealAnswer(outcome="unknown"),
        waits=lambda row: row.status == "open",
        place=place_of,
        actions={
            "read": lambda row: read(row, given, services, now),
            "grant": lambda row: grant(row, given, services, now),
            "refuse": lambda row: refuse(row, given, services, now),
        },
    )
    return carry_out(given.action, given.appeal_id, services.appeals, orders)


def read(
    row: AppealRow, given: AppealOrder, services: AppealServices, now: datetime
) -> AppealAnswer:
    """Return what was refused, and write down who has read it."""
    write_down(row, given, "appeal.read", services, now)
    text = evidence_of(row, services.uploads)
    return AppealAnswer(outcome="listed", appeals=(row,), text=text)


def evidence_of(row: AppealRow, uploads: Storage) -> AppealText | None:
    """Return what was refused; None: it has expired, or its hashes are not those of the row.

    A tenant may write below its own prefix: nobody must be shown one text and grant another.
    """
    key = layout.uploads.appeal_key(row.tenant, row.appeal_id)
    text = find_readable(uploads, key, AppealText)
    if text is None or hashes_in(text, row.tenant) != row.hashes:
        return None
    return text


def grant(
    row: AppealRow, given: AppealOrder, services: AppealServices, now: datetime
) -> AppealAnswer:
    """Let the texts through: the row first, so that a crash leaves them refused.

    An erasure of the tenant removes the row, and another operator may take the grant back: a grant
    that was overtaken leaves no marker.
    """
    if decided(row, "granted", given, services, now) is None:
        return AppealAnswer(outcome="unknown")
    for marker in markers_of(row.tenant, row.hashes):
        services.models.write(layout.models.allowed_key(marker), b"")
    present = services.appeals.get(row.appeal_id)
    if present is not None and present.status == "granted":
        return AppealAnswer(outcome="granted", appeals=(present,))
    forbid(row, services)
    if present is None:
        return AppealAnswer(outcome="unknown")
    return AppealAnswer(outcome="refused", appeals=(present,))


def refuse(
    row: AppealRow, given: AppealOrder, services: AppealServices, now: datetime
) -> AppealAnswer:
    """Close an appeal with a reason, or take a grant back.

    The markers go before the row changes, so that a crash leaves the texts refused, and after it,
    for a grant that has written them in between.
    """
    forbid(row, services)
    after = decided(row, "refused", given, services, now)
    forbid(row, services)
    if after is None:
        return AppealAnswer(outcome="unknown")
    return AppealAnswer(outcome="refused", appeals=(after,))


def forbid(row: AppealRow, services: AppealServices) -> None:
    """Stop letting the texts through."""
    for marker in markers_of(row.tenant, row.hashes):
        services.models.delete(layout.models.allowed_key(marker))


def decided(
    row: AppealRow,
    status: AppealStatus,
    given: AppealOrder,
    services: AppealServices,
    now: datetime,
) -> AppealRow | None:
    """Store a decision, write it down and tell the tenant; None: the appeal was erased.

    Of two decisions at once the later one counts, on what the earlier one has left.
    """
    if row.status == status:
        return row
    change = {"status": status, "decided_at": now.isoformat(), "why": given.why}
    after = row.model_copy(update=change)
    if not services.appeals.replace(row, after):
        present = services.appeals.get(row.appeal_id)
        return None if present is None else decided(present, status, given, services, now)
    write_down(row, given, f"appeal.{status}", services, now)
    publish_decision(after, services, now)
    return after


def write_down(
    row: AppealRow, given: AppealOrder, action: str, services: AppealServices, now: datetime
) -> None:
    """Store what an operator has done, for the operators and for the tenant."""
    ids = [("appeal_id", row.appeal_id), ("refusal_id", row.refusal_id)]
    for tenant in (OPERATORS, row.tenant):
        record(services.audit, tenant, Deed(given.by, action, ids), now)


def publish_decision(row: AppealRow, services: AppealServices, now: datetime) -> None:
    """Queue a message for each webhook of the tenant that wants it."""
    message = WebhookMessage(
        type=DECIDED,
        timestamp=row.decided_at or now.isoformat(),
        data=AppealView.of(row).model_dump(mode="json"),
    )
    name = sha256(f"{row.appeal_id} {row.decided_at}".encode()).hexdigest()[:32]
    for webhook in services.webhooks.of(row.tenant):
        if DECIDED in webhook.events and webhook.disabled_at is None:
            ids = {"webhook_id": webhook.webhook_id, "message_id": f"msg_{name}"}
            task = WebhookTask(message=message, **ids)
            enqueue(services.webhooks, services.queue, row.tenant, task, now)
