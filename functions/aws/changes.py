"""The table's stream read as status changes, and EventBridge and SNS as domain.training.progress.Teller."""

from collections.abc import Mapping, Sequence
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from aws import settings
from aws.clients import client
from contracts.documents.status import EVENT_SOURCE, EVENT_TYPE, StatusChange, TableNews

_AT_ONCE = 10
"""Entries that PutEvents takes."""

_READ = TypeDeserializer().deserialize


class EventsRefusedError(Exception):
    """EventBridge did not take every event; the batch is sent again."""


class Broadcaster:
    """SNS subscribers can filter by the attributes tenant, status, stage, code and point_of."""

    def __init__(self, topic_arn: str, events: Any, sns: Any) -> None:  # noqa: ANN401 - boto3
        self._topic_arn, self._events, self._sns = topic_arn, events, sns

    @classmethod
    def from_env(cls) -> "Broadcaster":
        """Use the topic that STATUS_TOPIC_ARN names, and the default bus."""
        return cls(settings.text("STATUS_TOPIC_ARN"), client("events"), client("sns"))

    def publish(self, changes: Sequence[StatusChange]) -> None:
        """Send the changes, in order.

        Raises:
            EventsRefusedError: EventBridge did not take all of them.
        """
        for start in range(0, len(changes), _AT_ONCE):
            some = changes[start : start + _AT_ONCE]
            answer = self._events.put_events(Entries=[_event(change) for change in some])
            if answer["FailedEntryCount"]:
                raise EventsRefusedError
        for change in changes:
            self._tell(change)

    def _tell(self, change: StatusChange) -> None:
        names = {"tenant", "status", "stage", "code", "point_of"}
        self._sns.publish(
            TopicArn=self._topic_arn,
            Message=change.model_dump_json(exclude_none=True),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in change.model_dump(include=names, exclude_none=True).items()
            },
        )


def changes_in(news: TableNews) -> list[tuple[StatusChange | None, StatusChange]]:
    """Return before and after of each job's row; other rows are none of ours."""
    return [
        (_status(record.dynamodb.before), after)
        for record in news.records
        if (after := _status(record.dynamodb.after)) is not None
    ]


def _status(image: Mapping[str, Any]) -> StatusChange | None:
    """Return what a row says to subscribers; None: it is no job's."""
    row = {name: _READ(image[name]) for name in StatusChange.model_fields if name in image}
    return StatusChange.model_validate(row) if "status" in row else None


def _event(change: StatusChange) -> dict[str, str]:
    detail = change.model_dump_json(exclude_none=True)
    return {"Source": EVENT_SOURCE, "DetailType": EVENT_TYPE, "Detail": detail}
