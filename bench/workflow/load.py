"""Load on the laptop's AWS: puts many uploads, waits for their messages, reads the histories.

Everything uses the AWS API, as a client would.
"""

import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from contracts.documents.training import TrainingPlan
from contracts.shared.layout.models import plan_key
from contracts.shared.layout.uploads import REQUEST_FILE, upload_prefix
from contracts.shared.names import parse_training_job_name
from local.cloud.server import Cloud
from local.cloud.typing_aliases import Stock
from local.demo.subscriber import Subscriber
from local.portraits import album, upload_bytes

PHOTOS, PHOTO_SIDE = 5, 128
TENANTS = 20
CLIENTS = 8
"""Number of parallel S3 requests."""
QUIET_SECONDS = 65.0
"""Time to wait for repeated messages after the last one: a period of the reconcile schedule."""
PRINT_SECONDS = 20.0


class Execution(NamedTuple):
    """A summary of one execution's history."""

    status: str
    transitions: int
    events: int
    seconds: dict[str, float]
    """Seconds in each Task."""


@dataclass
class Load:
    """The uploads of one part; times are in seconds of one clock."""

    cloud: Cloud
    outputs: Mapping[str, str]
    subscriber: Subscriber
    begun: dict[str, float] = field(default_factory=dict)
    """Time at which each upload's request.json was put."""
    notices: list[dict[str, Any]] = field(default_factory=list)
    first_messages: dict[str, float] = field(default_factory=dict)
    """Time of each upload's first message."""

    def put(self, count: int, request: Mapping[str, Any], first_person: int) -> None:
        """Put the photos of all uploads, then all requests at once."""
        s3, bucket = self.cloud.client("s3"), self.outputs["UploadsBucketName"]

        def put_photos(number: int) -> None:
            for index, photo in enumerate(album(first_person + number, PHOTOS, size=PHOTO_SIDE)):
                key = f"{prefix_of(number)}photo-{index}.jpg"
                s3.put_object(Bucket=bucket, Key=key, Body=upload_bytes(photo.image))

        def put_request(number: int) -> None:
            self.begun[name_of(number)] = time.monotonic()
            key = prefix_of(number) + REQUEST_FILE
            s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(request).encode())

        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(put_photos, range(count)))
            list(clients.map(put_request, range(count)))

    def listen(self, seconds: float) -> None:
        """Receive messages until every upload has one, and then for QUIET_SECONDS."""
        end, next_print = time.monotonic() + seconds, 0.0
        while len(self.first_messages) < len(self.begun) and time.monotonic() < end:
            self._take(wait_seconds=1)
            if time.monotonic() >= next_print:
                print(f"  {self.passed():5.0f} s  {len(self.first_messages)} messages", flush=True)
                next_print = time.monotonic() + PRINT_SECONDS
        quiet = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < quiet:
            self._take(wait_seconds=5)

    def passed(self) -> float:
        """Return the seconds since the first request."""
        return time.monotonic() - min(self.begun.values())

    def _take(self, wait_seconds: int) -> None:
        for notice in self.subscriber.waiting(wait_seconds):
            self.notices.append(notice)
            self.first_messages.setdefault(notice["upload"], time.monotonic())

    # ---- results -------------------------------------------------------------------------------

    def waits(self) -> list[float]:
        """Return each upload's seconds from its request to its message."""
        return [
            first_messages - self.begun[upload]
            for upload, first_messages in self.first_messages.items()
        ]

    def makespan(self) -> float | None:
        """Return the seconds from the first request to the last upload's message."""
        return (
            max(self.first_messages.values()) - min(self.begun.values())
            if self.first_messages
            else None
        )

    def executions(self) -> list[Execution]:
        """Return every execution of the state machine."""
        client = self.cloud.client("stepfunctions")
        pages = client.get_paginator("list_executions").paginate(
            stateMachineArn=self.outputs["StateMachineArn"]
        )
        return [
            summarise(execution["status"], self._history(client, execution["executionArn"]))
            for page in pages
            for execution in page["executions"]
        ]

    def _history(self, client: Stock, arn: str) -> list[dict[str, Any]]:
        pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]

    def training_jobs(self) -> list[list[str]]:
        """Return the users' jobs in each SageMaker training job."""
        pages = self.cloud.client("sagemaker").get_paginator("list_training_jobs").paginate()
        names = [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]
        named = [found for name in names if (found := parse_training_job_name(name)) is not None]
        plans = [self._plan(found.plan_id) for found in named]
        return [[task.job_id for task in plan.tasks] for plan in plans]

    def _plan(self, plan_id: str) -> TrainingPlan:
        bucket, s3 = self.outputs["ModelsBucketName"], self.cloud.client("s3")
        body = s3.get_object(Bucket=bucket, Key=plan_key(plan_id))["Body"].read()
        return TrainingPlan.model_validate_json(body)


def name_of(number: int) -> str:
    """Return an upload's name, which is in its notice."""
    return f"load-{number:03d}"


def prefix_of(number: int) -> str:
    """Return an upload's prefix; the uploads belong to TENANTS tenants."""
    return upload_prefix(f"tenant-{number % TENANTS}", name_of(number))


def summarise(status: str, history: list[dict[str, Any]]) -> Execution:
    """Return the summary of one execution's history."""
    entered = [event for event in history if event["type"].endswith("StateEntered")]
    return Execution(status, len(entered), len(history), dict(task_seconds(history)))


def task_seconds(history: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yield each finished Task with its seconds."""
    since: dict[str, Any] = {}
    for event in history:
        if event["type"] == "TaskStateEntered":
            since[event["stateEnteredEventDetails"]["name"]] = event["timestamp"]
        elif event["type"] == "TaskStateExited":
            name = event["stateExitedEventDetails"]["name"]
            yield name, (event["timestamp"] - since[name]).total_seconds()


def medians(executions: list[Execution]) -> dict[str, float]:
    """Return the median seconds in each Task, in the order of the workflow."""
    names = dict.fromkeys(name for execution in executions for name in execution.seconds)
    return {
        name: statistics.median(
            execution.seconds[name] for execution in executions if name in execution.seconds
        )
        for name in names
    }


def trained_twice(training_jobs: list[list[str]]) -> int:
    """Return the number of users' jobs in more than one training job."""
    starts = Counter(job for jobs in training_jobs for job in jobs)
    return sum(count > 1 for count in starts.values())
