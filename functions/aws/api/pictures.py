"""Ordered pictures in the ``api`` table, and their queue: implements domain.ports.pictures."""

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
from contracts.documents.api.pictures import PictureRow, PictureTask
from contracts.shared.layout.rows import picture_row, pictures_index
from domain.ports.pictures import place_of


class DynamoPictures(ApiStore):
    """One row for each order, with the document as JSON text."""

    def add(self, row: PictureRow) -> None:
        """Store a new order's row."""
        key, owner = picture_row(row.picture_id), pictures_index(row.tenant)
        add_document(self._table, NewRow(key, owner, place_of(row), row, row.delete_at))

    def get(self, picture_id: str) -> PictureRow | None:
        """Return the row as last written; None when there is none."""
        return read_document(PictureRow, self._table, picture_row(picture_id))

    def of(self, tenant: str, limit: int, before: str | None) -> list[PictureRow]:
        """Return at most ``limit`` of the tenant's rows, the newest first."""
        return newest_documents(PictureRow, self._table, pictures_index(tenant), limit, before)

    def replace(self, before: PictureRow, after: PictureRow) -> bool:
        """Store the change; False: somebody else has changed the row."""
        return replace_document(self._table, picture_row(before.picture_id), before, after)


class SqsPictureQueue:
    """The queue that PICTURES_QUEUE_URL names."""

    def __init__(self, url: str, sqs: Any) -> None:  # noqa: ANN401 - boto3
        self._url, self._sqs = url, sqs

    @classmethod
    def from_env(cls) -> "SqsPictureQueue":
        """Use the queue that PICTURES_QUEUE_URL names."""
        return cls(settings.text("PICTURES_QUEUE_URL"), client("sqs"))

    def send(self, task: PictureTask, delay_seconds: int = 0) -> None:
        """Queue an order; no worker gets it before the delay is over."""
        self._sqs.send_message(
            QueueUrl=self._url, MessageBody=task.model_dump_json(), DelaySeconds=delay_seconds
        )
