"""``likeness replay QUEUE_URL``: messages of the dead-letter queue go where they were bound for.

Three kinds are there: events that EventBridge could not deliver (its attributes say to whom),
invocations that Lambda gave up, and batches of the table's stream, which only wake the launcher.
Every receiver may be called twice, so a message is removed only after it has arrived.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from likeness_client.aws_errors import CONFIG, explain
from likeness_client.exit_codes import ExitCode

UNSEEN_SECONDS = 300
"""How long a message stays hidden from the next look if this program is killed."""


@dataclass(frozen=True)
class Letter:
    """One message, and where it is to go."""

    target_arn: str
    event: Any
    reason: str
    """Why it did not arrive: a word of AWS's, never text of a user's."""

    @property
    def target(self) -> str:
        """The receiver's own name."""
        return self.target_arn.split(":function:")[-1].split(":stateMachine:")[-1]


class UnknownLetterError(Exception):
    """A message is none of the three kinds."""

    def __init__(self) -> None:
        super().__init__("it is no message of EventBridge's, Lambda's or the table's stream")


def replay(queue_url: str, *, dry_run: bool) -> int:
    """Deliver every message once; REFUSED when some could not be delivered."""
    sqs = boto3.client("sqs", config=CONFIG)
    kept, delivered, failed = [], 0, 0
    for message in messages(sqs, queue_url):
        receipt = message["ReceiptHandle"]
        try:
            letter = read(message)
            sys.stdout.write(f"{letter.target}  {letter.reason}\n")
            if dry_run:
                kept.append(receipt)
                continue
            deliver(letter)
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=receipt)
            delivered += 1
        except (UnknownLetterError, ClientError) as error:
            failed += 1
            kept.append(receipt)
            why = explain(error) if isinstance(error, ClientError) else str(error)
            sys.stderr.write(f"likeness: {message['MessageId']} stays: {why}\n")
    for receipt in kept:  # the next look sees them at once
        sqs.change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=receipt, VisibilityTimeout=0
        )
    sys.stdout.write(f"{delivered} delivered, {len(kept)} left\n")
    return ExitCode.REFUSED if failed else ExitCode.DONE


def messages(sqs: Any, queue_url: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - boto3
    """Receive until the queue has nothing more to show."""
    question = {
        "QueueUrl": queue_url,
        "MaxNumberOfMessages": 10,
        "MessageAttributeNames": ["All"],
        "VisibilityTimeout": UNSEEN_SECONDS,
        "WaitTimeSeconds": 1,
    }
    while found := sqs.receive_message(**question).get("Messages"):
        yield from found


def read(message: dict[str, Any]) -> Letter:
    """Find out where a message was bound for.

    Raises:
        UnknownLetterError: it is not JSON, or none of the three kinds.
    """
    attributes = {
        name: value.get("StringValue", "")
        for name, value in message.get("MessageAttributes", {}).items()
    }
    try:
        body = json.loads(message["Body"])
    except json.JSONDecodeError:
        raise UnknownLetterError from None
    if "TARGET_ARN" in attributes:
        reason = attributes.get("ERROR_CODE", "undeliverable")
        return Letter(attributes["TARGET_ARN"], body, reason)
    context = body.get("requestContext") if isinstance(body, dict) else None
    if not isinstance(context, dict) or "functionArn" not in context:
        raise UnknownLetterError
    # A stream's batch is not repeated in the message: the table itself says what is queued.
    event = body.get("requestPayload", {})
    reason = str(context.get("condition", "undeliverable"))
    return Letter(context["functionArn"], event, reason)


def deliver(letter: Letter) -> None:
    """Call a function as AWS would have done, or start an execution.

    Raises:
        ClientError: AWS refused it again.
    """
    payload = json.dumps(letter.event)
    if ":stateMachine:" in letter.target_arn:
        boto3.client("stepfunctions", config=CONFIG).start_execution(
            stateMachineArn=letter.target_arn, input=payload
        )
        return
    boto3.client("lambda", config=CONFIG).invoke(
        FunctionName=letter.target_arn, InvocationType="Event", Payload=payload
    )
