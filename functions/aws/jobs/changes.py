"""Status changes from the table's stream to EventBridge and SNS.

Implements domain.ports.notifier.StatusPublisher.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from aws import settings
from aws.clients import client
from contracts.documents.status import EVENT_SOURCE, EVENT_TYPE, StatusChange, TableStreamEvent

_MAX_ENTRIES = 10
"""Entries of one PutEvents request."""

_READ = TypeDeserializer().deserialize

_FIELDS = [field.alias or name for name, field in StatusChange.model_fields.items()]


class EventsRefusedError(Exception):
    """EventBridge did not accept every event; the batch is sent again."""


class Broadcaster:
    """SNS subscribers can filter by the attributes tenant, kind, status, stage, code, point_of."""

    def __init__(self, topic_arn: str, events: Any, sns: Any) -> None:  # noqa: ANN401 - boto3
        self._topic_arn, self._events, self._sns = topic_arn, events, sns

    @classmethod
    def from_env(cls) -> "Broadcaster":
        """Use the topic that STATUS_TOPIC_ARN names, and the default bus."""
        return cls(settings.text("STATUS_TOPIC_ARN"), client("events"), client("sns"))

    def publish(self, changes: Sequence[StatusChange]) -> None:
        """Send the changes, in order.

        Raises:
            EventsRefusedError: EventBridge did not accept all of them.
        """
        for start in range(0, len(changes), _MAX_ENTRIES):
            some = changes[start : start + _MAX_ENTRIES]
            answer = self._events.put_events(Entries=[_event(change) for change in some])
            if answer["FailedEntryCount"]:
                raise EventsRefusedError
        for change in changes:
            self._publish_to_topic(change)

    def _publish_to_topic(self, change: StatusChange) -> None:
        names = {"tenant", "kind", "status", "stage", "code", "trial_of"}
        self._sns.publish(
            TopicArn=self._topic_arn,
            Message=change.model_dump_json(exclude_none=True),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in change.model_dump(include=names, exclude_none=True).items()
            },
        )


def changes_in(event: TableStreamEvent) -> list[tuple[StatusChange | None, StatusChange]]:
    """Return each job's status before and after its change; rows of other kinds are left out."""
    return [
        (_status(record.dynamodb.before), after)
        for record in event.records
        if (after := _status(record.dynamodb.after)) is not None
    ]


def _status(image: Mapping[str, Any]) -> StatusChange | None:
    """Return a row's status change; None for a row that is not a job's."""
    row = {name: _READ(image[name]) for name in _FIELDS if name in image}
    return StatusChange.model_validate(row) if "status" in row else None


def _event(change: StatusChange) -> dict[str, str]:
    detail = change.model_dump_json(exclude_none=True)
    return {"Source": EVENT_SOURCE, "DetailType": EVENT_TYPE, "Detail": detail}
