"""The dead-letter queue: implements domain.ports.erasure.DeadLetters."""

from collections.abc import Iterator, Sequence
from typing import Any

from aws import settings
from aws.clients import client

HIDDEN_SECONDS = 120
"""How long a message that was looked at stays hidden, so that no look sees it twice."""

MAX_MESSAGES = 10_000
"""A queue with more is in trouble of another kind; its messages expire after 14 days."""


class SqsDeadLetters:
    """Looks at every message, and shows those again that stay."""

    def __init__(self, queue_url: str, sqs: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._queue_url = queue_url
        self._sqs = sqs

    @classmethod
    def from_env(cls) -> "SqsDeadLetters":
        """Open the queue that DEAD_LETTER_QUEUE_URL names."""
        return cls(settings.text("DEAD_LETTER_QUEUE_URL"), client("sqs"))

    def count(self, words: Sequence[str]) -> int:
        """Return how many messages have one of the words in them."""
        messages = list(self._messages())
        self._show(messages)
        return sum(_has(message, words) for message in messages)

    def purge(self, words: Sequence[str]) -> None:
        """Delete the messages that have one of the words in them; the others stay."""
        messages = list(self._messages())
        self._show([message for message in messages if not _has(message, words)])
        for message in messages:
            if _has(message, words):
                self._sqs.delete_message(
                    QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
                )

    def _messages(self) -> Iterator[dict[str, Any]]:
        seen = 0
        while seen < MAX_MESSAGES:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=HIDDEN_SECONDS,
                MessageAttributeNames=["All"],
            )
            found = answer.get("Messages", [])
            if not found:
                return
            seen += len(found)
            yield from found

    def _show(self, messages: Sequence[dict[str, Any]]) -> None:
        for message in messages:
            self._sqs.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=0,
            )


def _has(message: dict[str, Any], words: Sequence[str]) -> bool:
    """Return whether a word is in the body or in an attribute."""
    attributes = message.get("MessageAttributes", {}).values()
    texts = [message.get("Body", ""), *(each.get("StringValue", "") for each in attributes)]
    return any(word in text for word in words for text in texts)
