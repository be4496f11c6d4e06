"""Somebody who subscribed to the notices: a queue behind the topic, as the owner's systems have."""

import json
import time
from typing import Any

from local.cloud.server import Cloud

NOTICE_SECONDS = 300


class NoNoticeError(Exception):
    """No message came in time."""


class Subscriber:
    """Receives the notices of one topic, each once, from a queue of that topic alone."""

    def __init__(self, cloud: Cloud, topic: str) -> None:
        name = f"{topic.rpartition(':')[2]}-subscriber"
        self._sqs = cloud.client("sqs")
        self._kept: list[dict[str, Any]] = []
        self._url = str(self._sqs.create_queue(QueueName=name)["QueueUrl"])
        arn = self._arn()
        policy = {"Version": "2012-10-17", "Statement": [_from_topic(topic, arn)]}
        self._sqs.set_queue_attributes(
            QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)}
        )
        cloud.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
        )

    def receive(self, seconds: float = NOTICE_SECONDS, upload: str | None = None) -> dict[str, Any]:
        """Return the next notice: of any upload, or of this one; the others' are kept for later.

        Raises:
            NoNoticeError: none came within `seconds`.
        """
        deadline = time.monotonic() + seconds
        passed_over: list[dict[str, Any]] = []
        try:
            while time.monotonic() < deadline:
                for notice in self.waiting(wait_seconds=1):
                    if upload in {None, notice.get("upload")}:
                        return notice
                    passed_over.append(notice)
        finally:
            self._kept += passed_over
        raise NoNoticeError(f"no notice came within {seconds:.0f} s")

    def waiting(self, wait_seconds: int = 0) -> list[dict[str, Any]]:
        """Return the notice that is there by now, or nothing."""
        if self._kept:
            return [self._kept.pop(0)]
        return [json.loads(text) for text in self.texts(wait_seconds)]

    def texts(self, wait_seconds: int = 0) -> list[str]:
        """Return the message that is there by now as it came: operators get sentences."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=1, WaitTimeSeconds=wait_seconds
        )
        messages = answer.get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [str(message["Body"]) for message in messages]

    def _arn(self) -> str:
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])


def _from_topic(topic: str, queue: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
