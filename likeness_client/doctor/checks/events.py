"""What carries events: buckets to EventBridge, rules, the dead-letter queue, topics."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

MISSING = "ResourceNotFoundException"
RULE = "AWS::Events::Rule"

SWITCHED_ON_BY = {
    "MoveUploadFunctionFileStored": "HasRootFolders",
    "ReapEndpointFunctionPrewarm": "PrewarmsOnDemand",
}
"""Rules that the template itself switches off, unless a condition holds."""

LOSSES = {
    "NoticesTopic": "no owner hears what became of an upload",
    "OperationsTopic": "no operator hears an alarm",
}
"""Topics that somebody must read, and what is lost otherwise. Nobody needs progress bars."""

QUEUE = "AWS::SQS::Queue"
QUEUE_GONE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}

DEAD_LETTERS = {
    "DeadLetterQueue": "dead_letters",
    "WebhooksDeadLetterQueue": "webhook_dead_letters",
}
"""Queues of what was given up, and the code of a message in each."""

QUEUE_LOSSES = {
    "PicturesQueue": "no picture that the HTTP API was asked for is drawn",
    "WebhooksQueue": "no webhook is told anything",
}
"""Queues of work, and what is lost without each."""


def check_bucket_events(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find buckets that send EventBridge nothing."""
    for logical_id, bucket in deployment.of_type("AWS::S3::Bucket"):
        try:
            answer = account.ask("s3", "get_bucket_notification_configuration", Bucket=bucket)
        except ClientError as error:
            if code_in(error) != "NoSuchBucket":
                raise
            continue
        if "EventBridgeConfiguration" not in answer and logical_id in SENDERS:
            yield find(deployment, "bucket_silent", logical_id, bucket=bucket)


SENDERS = {"UploadsBucket", "ModelsBucket"}
"""Buckets whose events start something."""


def check_rules(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find rules that are gone or switched off."""
    for logical_id, name in deployment.of_type(RULE):
        try:
            state = account.ask("events", "describe_rule", Name=name)["State"]
        except ClientError as error:
            if code_in(error) != MISSING:
                raise
            yield find(deployment, "rule_missing", name, logical_id=logical_id)
            continue
        condition = SWITCHED_ON_BY.get(logical_id)
        if state == "DISABLED" and (condition is None or deployment.holds(condition)):
            yield find(deployment, "rule_disabled", name, logical_id=logical_id, state=state)


def check_targets(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find rules that call nobody."""
    for logical_id, name in deployment.of_type(RULE):
        try:
            targets = account.ask("events", "list_targets_by_rule", Rule=name)["Targets"]
        except ClientError as error:
            if code_in(error) != MISSING:
                raise
            continue
        if not targets:
            yield find(deployment, "rule_without_target", name, logical_id=logical_id)


def check_dead_letters(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find events that could not be delivered, and messages that no webhook took."""
    for logical_id, url in deployment.of_type(QUEUE):
        code = DEAD_LETTERS.get(logical_id)
        found = attributes(account, url, "ApproximateNumberOfMessages") if code else None
        count = int((found or {}).get("ApproximateNumberOfMessages", 0))
        if code is not None and count:
            yield find(deployment, code, logical_id, count=count, url=url)


def check_work_queues(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find queues that are gone, and queues of work that drop what fails."""
    for logical_id, url in deployment.of_type(QUEUE):
        found = attributes(account, url, "RedrivePolicy")
        if found is None:
            loss = QUEUE_LOSSES.get(logical_id, "what fails is lost")
            yield find(deployment, "queue_missing", logical_id, loss=loss)
        elif logical_id in QUEUE_LOSSES and "RedrivePolicy" not in found:
            yield find(deployment, "queue_without_dead_letters", logical_id, url=url)


def attributes(account: Account, url: str, name: str) -> dict[str, str] | None:
    """Return a queue's attribute of this name, if it is set; None: there is no such queue."""
    try:
        answer = account.ask("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=[name])
    except ClientError as error:
        if code_in(error) not in QUEUE_GONE:
            raise
        return None
    found: dict[str, str] = answer.get("Attributes", {})
    return found


def check_topics(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find topics that nobody reads, and subscriptions that were never confirmed."""
    for logical_id, arn in deployment.of_type("AWS::SNS::Topic"):
        found = list(
            account.ask_all("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
        )
        for one in found:
            if one["SubscriptionArn"] == "PendingConfirmation":
                yield find(
                    deployment, "subscription_pending", logical_id, arn=arn,
                    endpoint=one["Endpoint"], protocol=one["Protocol"],
                )  # fmt: skip
        if not found and logical_id in LOSSES:
            loss = LOSSES[logical_id]
            yield find(deployment, "topic_without_subscriber", logical_id, arn=arn, loss=loss)
