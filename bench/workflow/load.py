"""Many uploads at once on the laptop's AWS: put them, wait for their messages, look what was done.

All of it through the API that a client of AWS has; nothing looks into the server.
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
from contracts.shared.layout import REQUEST_FILE, plan_key, upload_prefix
from contracts.shared.names import parse_training_job_name
from local.cloud.server import Cloud
from local.cloud.typing_aliases import Stock
from local.demo.subscriber import Subscriber
from local.portraits import album, upload_bytes

PHOTOS, PHOTO_SIDE = 5, 128
TENANTS = 20
CLIENTS = 8
"""Uploads that one client does at the same time."""
QUIET_SECONDS = 65.0
"""Listened on after the last message: a period of the reconcile schedule."""
TELL_EVERY = 20.0


class Walk(NamedTuple):
    """One execution as its history tells it."""

    status: str
    transitions: int
    events: int
    seconds: dict[str, float]
    """In each Task."""


@dataclass
class Crowd:
    """One part's uploads; times in seconds of one clock."""

    cloud: Cloud
    outputs: Mapping[str, str]
    subscriber: Subscriber
    begun: dict[str, float] = field(default_factory=dict)
    """When each upload's request.json was put."""
    notices: list[dict[str, Any]] = field(default_factory=list)
    told: dict[str, float] = field(default_factory=dict)
    """When each upload's first message came."""

    def put(self, count: int, request: Mapping[str, Any], first_person: int) -> None:
        """Put everybody's photos, then, all at once, the requests."""
        s3, bucket = self.cloud.client("s3"), self.outputs["UploadsBucketName"]

        def put_photos(number: int) -> None:
            for index, shot in enumerate(album(first_person + number, PHOTOS, size=PHOTO_SIDE)):
                key = f"{prefix_of(number)}photo-{index}.jpg"
                s3.put_object(Bucket=bucket, Key=key, Body=upload_bytes(shot.image))

        def put_request(number: int) -> None:
            self.begun[name_of(number)] = time.monotonic()
            key = prefix_of(number) + REQUEST_FILE
            s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(request).encode())

        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(put_photos, range(count)))
            list(clients.map(put_request, range(count)))

    def listen(self, seconds: float) -> None:
        """Take messages until everybody has one, then for as long as a repeat could come."""
        end, tell = time.monotonic() + seconds, 0.0
        while len(self.told) < len(self.begun) and time.monotonic() < end:
            self._take(wait_seconds=1)
            if time.monotonic() >= tell:
                print(f"  {self.passed():5.0f} s  {len(self.told)} messages", flush=True)
                tell = time.monotonic() + TELL_EVERY
        quiet = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < quiet:
            self._take(wait_seconds=5)

    def passed(self) -> float:
        """Return the seconds since the first request."""
        return time.monotonic() - min(self.begun.values())

    def _take(self, wait_seconds: int) -> None:
        for notice in self.subscriber.waiting(wait_seconds):
            self.notices.append(notice)
            self.told.setdefault(notice["upload"], time.monotonic())

    # ---- what was done -------------------------------------------------------------------------

    def waits(self) -> list[float]:
        """Return each upload's seconds from its request to its message."""
        return [told - self.begun[upload] for upload, told in self.told.items()]

    def makespan(self) -> float | None:
        """Return the seconds from the first request to the last upload's message."""
        return max(self.told.values()) - min(self.begun.values()) if self.told else None

    def walks(self) -> list[Walk]:
        """Return every execution of the state machine."""
        client = self.cloud.client("stepfunctions")
        pages = client.get_paginator("list_executions").paginate(
            stateMachineArn=self.outputs["StateMachineArn"]
        )
        return [
            walk_of(execution["status"], self._history(client, execution["executionArn"]))
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
    """Return an upload's name, which its notice carries."""
    return f"crowd-{number:03d}"


def prefix_of(number: int) -> str:
    """Return where an upload lies; a few tenants share the work."""
    return upload_prefix(f"tenant-{number % TENANTS}", name_of(number))


def walk_of(status: str, history: list[dict[str, Any]]) -> Walk:
    """Return what counts of one execution's history."""
    entered = [event for event in history if event["type"].endswith("StateEntered")]
    return Walk(status, len(entered), len(history), dict(stays(history)))


def stays(history: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yield each Task that was left, and its seconds."""
    since: dict[str, Any] = {}
    for event in history:
        if event["type"] == "TaskStateEntered":
            since[event["stateEnteredEventDetails"]["name"]] = event["timestamp"]
        elif event["type"] == "TaskStateExited":
            name = event["stateExitedEventDetails"]["name"]
            yield name, (event["timestamp"] - since[name]).total_seconds()


def medians(walks: list[Walk]) -> dict[str, float]:
    """Return the median seconds in each Task, in their order."""
    names = dict.fromkeys(name for walk in walks for name in walk.seconds)
    return {
        name: statistics.median(walk.seconds[name] for walk in walks if name in walk.seconds)
        for name in names
    }


def trained_twice(training_jobs: list[list[str]]) -> int:
    """Count the users' jobs that more than one training job was started for."""
    starts = Counter(job for jobs in training_jobs for job in jobs)
    return sum(count > 1 for count in starts.values())
