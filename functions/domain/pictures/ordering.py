"""A tenant's orders: made, looked at, cancelled."""

from datetime import datetime, timedelta
from secrets import randbelow, token_hex
from typing import Literal, NamedTuple

from contracts.documents.api.pictures import (
    MAX_SEED,
    NewPicture,
    PictureOrder,
    PictureRow,
    PictureTask,
)
from contracts.documents.model import ModelRecord
from contracts.shared import layout
from domain.ports.pictures import PictureQueue, Pictures
from domain.ports.storage import Storage, write_document

ENDED = frozenset({"succeeded", "failed", "canceled"})

OVERDUE = timedelta(hours=2)
"""Age at which an open order is abandoned: its message was lost, or is in the dead-letter queue.
 Workers end every order within drawing.MAX_AGE and a little."""


class OrderServices(NamedTuple):
    """Where orders are kept."""

    pictures: Pictures
    queue: PictureQueue
    uploads: Storage


class UnknownPictureError(Exception):
    """There is no such order of this tenant."""


def order(  # noqa: PLR0913 - what an order is made of
    services: OrderServices,
    model: ModelRecord,
    wanted: NewPicture,
    retention: timedelta,
    now: datetime,
    *,
    alias: str | None = None,
) -> PictureRow:
    """Store an order and queue it.

    The order's text is in the uploads bucket alone; the row and the message have only ids.
    ``alias`` is the name that was asked for.
    """
    arguments = wanted.arguments(seed=randbelow(MAX_SEED))
    made = PictureOrder(
        picture_id=f"pic_{token_hex(12)}",
        tenant=model.tenant,
        model_id=model.model_id,
        prompt=wanted.prompt,
        negative_prompt=wanted.negative_prompt,
        image=wanted.image,
        arguments=arguments,
        created_at=now.isoformat(),
    )
    row = PictureRow(
        picture_id=made.picture_id,
        tenant=model.tenant,
        model_id=model.model_id,
        alias=alias,
        seed=arguments.seed or 0,
        count=arguments.num_images_per_prompt,
        created_at=made.created_at,
        updated_at=made.created_at,
        delete_at=int((now + retention).timestamp()),
    )
    write_document(services.uploads, order_key(row), made)
    services.pictures.add(row)
    services.queue.send(PictureTask(picture_id=row.picture_id))
    return row


def own_picture(pictures: Pictures, tenant: str, picture_id: str, now: datetime) -> PictureRow:
    """Return how an order of this tenant stands; an abandoned one has failed.

    Raises:
        UnknownPictureError: it is somebody else's, or there is none.
    """
    found = pictures.get(picture_id)
    if found is None or found.tenant != tenant:
        raise UnknownPictureError
    if found.status in ENDED or now - datetime.fromisoformat(found.created_at) < OVERDUE:
        return found
    changes = {"status": "failed", "code": "internal_error", "updated_at": now.isoformat()}
    after = found.model_copy(update=changes)
    return (
        after if pictures.replace(found, after) else own_picture(pictures, tenant, picture_id, now)
    )


def cancel(
    pictures: Pictures, tenant: str, picture_id: str, now: datetime
) -> Literal["canceled", "too_late"]:
    """End an order that is open; what is being drawn for it is thrown away.

    Raises:
        UnknownPictureError: it is somebody else's, or there is none.
    """
    while True:
        before = own_picture(pictures, tenant, picture_id, now)
        if before.status in ENDED:
            return "too_late"
        changes = {"status": "canceled", "waiting_for": None, "updated_at": now.isoformat()}
        if pictures.replace(before, before.model_copy(update=changes)):
            return "canceled"


def prefix_of(row: PictureRow) -> str:
    """Return the prefix of an order and its pictures in the uploads bucket."""
    return layout.uploads.pictures_prefix(row.tenant, row.picture_id)


def order_key(row: PictureRow) -> str:
    """Return the key of the order."""
    return prefix_of(row) + layout.uploads.ORDER_FILE
