"""An upload that ends well and one that is refused, each under one fault, and what must be true."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.faults.injector import LASTING, Fault, Injector
from contracts.shared.layout.uploads import REQUEST_FILE, upload_prefix
from local.cloud.server import Cloud
from local.demo.subscriber import Subscriber
from local.demo.upload import consent
from local.portraits import album, upload_bytes

Ending = Literal["succeeded", "failed"]

UPLOAD = "u1"
PERSON, PHOTOS, TOO_FEW, SIDE = 4242, 5, 2, 128
REQUEST = {
    "instance_prompt": "a photo of a sks person",
    "class_prompt": "a photo of a person",
    "consent": consent(),
}
PATIENCE_SECONDS = 240.0
"""An upload without its message by then counts as lost. A lost event waits for the minute of
`reconcile`, and a busy machine needs longer for all."""

OUTAGE_SECONDS = 20.0
"""Seconds from a lasting fault's first strike to its end, if nobody was told before."""


@dataclass
class Stack:
    """The deployed stack, and the notices that have come from it."""

    cloud: Cloud
    outputs: dict[str, str]
    subscriber: Subscriber
    injector: Injector
    photos: list[bytes] = field(default_factory=list)
    notices: defaultdict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Tenant -> its messages, in their order."""

    def __post_init__(self) -> None:
        drawn = album(PERSON, PHOTOS, size=SIDE)
        self.photos = [upload_bytes(photo.image) for photo in drawn]

    def put(self, tenant: str, count: int) -> None:
        """Upload this number of photos, and last the request."""
        s3, bucket = self.cloud.client("s3"), self.outputs["UploadsBucketName"]
        prefix = upload_prefix(tenant, UPLOAD)
        for number, body in enumerate(self.photos[:count]):
            s3.put_object(Bucket=bucket, Key=f"{prefix}photo-{number}.jpg", Body=body)
        body = json.dumps(REQUEST).encode()
        s3.put_object(Bucket=bucket, Key=prefix + REQUEST_FILE, Body=body)

    def listen(self) -> None:
        """Take the messages that are there by now.

        SNS may have a message twice, as when a function dies after Publish; its notice_id says so
        to whoever receives it, and a repeat is left out here too.
        """
        while found := self.subscriber.waiting():
            for notice in found:
                known = self.notices[notice["tenant"]]
                if notice["notice_id"] not in {one["notice_id"] for one in known}:
                    known.append(notice)

    def executions(self, tenant: str) -> list[dict[str, Any]]:
        """Describe the executions of a tenant's upload, the newest first."""
        client = self.cloud.client("stepfunctions")
        machine = self.outputs["StateMachineArn"]
        found = client.list_executions(stateMachineArn=machine, maxResults=20)["executions"]
        described = [client.describe_execution(executionArn=e["executionArn"]) for e in found]
        return [one for one in described if f"/{tenant}/" in one["input"]]

    def redrive(self, tenant: str) -> None:
        """Redrive the tenant's failed executions, as an operator does."""
        for one in self.executions(tenant):
            if one["status"] == "FAILED":
                self.cloud.client("stepfunctions").redrive_execution(
                    executionArn=one["executionArn"]
                )

    def training_jobs(self, job_id: str) -> list[str]:
        """Return the names of a job's SageMaker training jobs."""
        listed = self.cloud.client("sagemaker").list_training_jobs(NameContains=job_id)
        return [one["TrainingJobName"] for one in listed["TrainingJobSummaries"]]

    def dead_letters(self) -> dict[str, int]:
        """Return how many messages are in each queue of dead letters that has some."""
        counts = {url.rpartition("/")[2]: _count(self.cloud, url) for url in self._dead_queues()}
        return {name: count for name, count in counts.items() if count}

    def remove_dead_letters(self) -> None:
        """Empty the queues of dead letters: a lasting fault before this one may leave some."""
        for url in self._dead_queues():
            self.cloud.client("sqs").purge_queue(QueueUrl=url)

    def _dead_queues(self) -> list[str]:
        listed = self.cloud.client("sqs").list_queues().get("QueueUrls", [])
        return [url for url in listed if "Dead" in url]


def _count(cloud: Cloud, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    asked = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(asked["Attributes"][name])


@dataclass(frozen=True)
class Story:
    """An upload, and how it ends when nothing goes wrong."""

    name: str
    photos: int
    ending: Ending


GOOD = Story("an upload that ends well", PHOTOS, "succeeded")
REFUSED = Story("an upload with too few photos", TOO_FEW, "failed")
STORIES = (GOOD, REFUSED)


def live(stack: Stack, story: Story, tenant: str, fault: Fault | None) -> list[str]:
    """Let one upload live through a fault; return what was wrong afterwards."""
    stack.remove_dead_letters()
    stack.injector.begin(fault)
    stack.put(tenant, story.photos)
    lasting = fault is not None and fault.kind in LASTING
    if lasting:
        outage(stack, tenant)
    ended = wait_for(stack, story, tenant, redriven=lasting)
    stack.injector.heal()
    return list(complaints(stack, story, tenant, ended=ended, lasting=lasting))


def outage(stack: Stack, tenant: str) -> None:
    """Wait until the owner hears of a lasting fault, or for a while; then fix it and redrive."""
    end, struck = time.monotonic() + PATIENCE_SECONDS, None
    while time.monotonic() < end and not stack.notices[tenant]:
        if struck is None and stack.injector.struck:
            struck = time.monotonic()
        if struck is not None and time.monotonic() > struck + OUTAGE_SECONDS:
            break
        stack.listen()
        time.sleep(0.2)
    stack.injector.heal()
    wait_until_settled(stack, tenant)
    stack.redrive(tenant)


def wait_until_settled(stack: Stack, tenant: str) -> None:
    """Give a failing execution the time to end: it is red a moment after the owner was told."""
    end = time.monotonic() + 2 * OUTAGE_SECONDS
    while time.monotonic() < end and stack.notices[tenant]:
        if all(one["status"] != "RUNNING" for one in stack.executions(tenant)):
            return
        time.sleep(0.2)


def wait_for(stack: Stack, story: Story, tenant: str, *, redriven: bool) -> bool:
    """Wait for the story's message and the end of its execution; return whether both came."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        stack.listen()
        statuses = [notice["status"] for notice in stack.notices[tenant]]
        notified = story.ending in statuses if redriven else bool(statuses)
        if notified and all(one["status"] != "RUNNING" for one in stack.executions(tenant)):
            return True
        time.sleep(0.2)
    return False


def complaints(
    stack: Stack, story: Story, tenant: str, *, ended: bool, lasting: bool
) -> Iterator[str]:
    """Yield what is wrong after an upload has ended."""
    yield from wrong_messages(stack, story, tenant, lasting=lasting)
    executions = stack.executions(tenant)
    wanted = "SUCCEEDED" if story.ending == "succeeded" else "FAILED"
    statuses = [one["status"] for one in executions]
    if not ended or statuses != [wanted]:
        yield f"executions: {', '.join(statuses) or 'none'}, not {wanted}"
    notices = stack.notices[tenant]
    if story.ending == "succeeded" and notices:
        trained = stack.training_jobs(str(notices[-1]["job_id"]))
        if len(trained) != 1:
            yield f"{len(trained)} training jobs, not 1"
    for queue, count in stack.dead_letters().items():
        if not lasting:
            yield f"{count} messages in {queue}"


def wrong_messages(stack: Stack, story: Story, tenant: str, *, lasting: bool) -> Iterator[str]:
    """Yield what is wrong with an upload's messages; a lasting fault may be told before the end."""
    statuses = [notice["status"] for notice in stack.notices[tenant]]
    final = [status for status in statuses if status == story.ending]
    if lasting and story.ending == "failed":
        if not final:
            yield "no message"
    elif len(final) != 1:
        yield f"{len(final)} messages of {story.ending}, not 1"
    others = len(statuses) - len(final)
    if others > (1 if lasting else 0):
        yield f"{others} other messages: {', '.join(statuses)}"
