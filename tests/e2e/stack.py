"""The deployed stack for end-to-end tests: uploads, waits, faults and queries."""

import json
import os
import subprocess
import time
from collections.abc import ItemsView, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.workflow.__main__ import STUB_IMAGE
from contracts.document import Document
from contracts.documents.job import AcceptedUpload
from contracts.documents.record import JobRecord
from contracts.shared.layout.rows import upload_row
from contracts.shared.layout.uploads import upload_prefix
from local.cloud.paths import ROOT
from local.cloud.server import Cloud
from local.demo.subscriber import Subscriber
from local.demo.upload import TENANT, consent, put_files
from local.portraits import album, upload_bytes
from tests.cloud import row_of

D = TypeVar("D", bound=Document)
WORKFLOW_SECONDS = 600
BASE_ID = "untrained-sdxl"
"""The base of every stack here, which is small and loads quickly."""
CAPTIONER_ID = "tiny-blip"
"""The stack's captioner; test_several_subjects.py puts it where the stack expects it."""
SEVERAL_GPUS = "ml.p4d.24xlarge"
"""The instance type that a request may choose to be trained by two processes."""

BLOCKED = "forbidden phrase"
"""What no prompt of the stack may have."""

LAUNCHERS = ("launch-training", "reconcile")
"""Functions that start trainings: reconcile looks each minute for a job that nobody launched."""

SMALL = {
    "instance_prompt": "a photo of a sks person",
    "class_prompt": "a photo of a person",
    "num_class_images": 2,
    "max_train_steps": 2,
    "train_batch_size": 2,
    "consent": consent(),
}
"""A request with the shortest training."""


@dataclass(frozen=True)
class Stack:
    """The stack on the laptop, and a subscriber to its notices."""

    cloud: Cloud
    outputs: dict[str, str]
    subscriber: Subscriber
    inputs: dict[str, str] = field(default_factory=dict)
    """The input of every execution that was described, by its ARN: it never changes."""

    def upload(self, name: str, files: dict[str, bytes], request: dict[str, Any] | bytes) -> None:
        put_files(self.cloud, self.outputs["UploadsBucketName"], name, files, request)

    def execution(self, upload: str) -> dict[str, Any]:
        """Wait until the only execution of this upload has ended, and describe it."""
        return self.ended(upload, 1)[0]

    def notice(self, upload: str) -> dict[str, Any]:
        """Wait for the next message about this upload."""
        return self.subscriber.receive(upload=upload)

    def unheard(self, wait_seconds: int = 2) -> list[dict[str, Any]]:
        """Return the messages that no test has received, including new ones."""
        found = []
        while notices := self.subscriber.waiting(wait_seconds):
            found += notices
        return found

    def put(self, name: str, files: dict[str, bytes]) -> None:
        """Put files under an upload's prefix, in this order."""
        s3, prefix = self.cloud.client("s3"), upload_prefix(TENANT, name)
        for file, body in files.items():
            s3.put_object(Bucket=self.outputs["UploadsBucketName"], Key=prefix + file, Body=body)

    def named(self, notice: dict[str, Any]) -> list[tuple[str, list[str]]]:
        """Return name and codes of a notice's photos; the names are in the models bucket only."""
        accepted = self.document(notice["photo_names"], AcceptedUpload)
        prefix = upload_prefix(notice["tenant"], notice["upload"])
        pins = [accepted.photos[photo["index"]] for photo in notice["photos"]]
        names = [pin.name or pin.key.removeprefix(prefix) for pin in pins]
        codes = [photo["codes"] for photo in notice["photos"]]
        return sorted(zip(names, codes, strict=True))

    def document(self, key: str, kind: type[D]) -> D:
        """Read a document in the models bucket."""
        bucket = self.outputs["ModelsBucketName"]
        body = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return kind.model_validate_json(body)

    def plan_id(self, job_id: str) -> str:
        """Return the plan that trained the job."""
        row = self._row(job_id)
        assert row is not None, job_id
        return str(row["plan_id"])

    def ended(
        self, upload: str, count: int, seconds: float = WORKFLOW_SECONDS
    ) -> list[dict[str, Any]]:
        """Wait until this upload's `count` executions have ended; the newest comes first."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.executions(upload)
            if len(found) == count and all(one["status"] != "RUNNING" for one in found):
                return found
            time.sleep(0.5)
        raise TimeoutError(f"{upload}: {[one['status'] for one in self.executions(upload)]}")

    def executions(self, upload: str) -> list[dict[str, Any]]:
        """Describe the executions that this upload started, the newest first.

        Without those that found nothing to do: an archive leaves the start to the file beside it.
        """
        client = self.cloud.client("stepfunctions")
        machine = self.outputs["StateMachineArn"]
        found = client.list_executions(stateMachineArn=machine)["executions"]
        arns = [execution["executionArn"] for execution in found]
        for arn in set(arns) - self.inputs.keys():
            self.inputs[arn] = client.describe_execution(executionArn=arn)["input"]
        own = [arn for arn in arns if f"/uploads/{upload}/" in self.inputs[arn]]
        of_upload = [client.describe_execution(executionArn=arn) for arn in own]
        return [d for d in of_upload if '"status":"nothing"' not in d.get("output", "")]

    def history(self, execution: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the execution's events, in order."""
        pages = (
            self.cloud.client("stepfunctions")
            .get_paginator("get_execution_history")
            .paginate(executionArn=execution["executionArn"])
        )
        return [event for page in pages for event in page["events"]]

    def states(self, execution: dict[str, Any]) -> list[str]:
        """Return the names of the states that the execution entered, in order."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.history(execution)
            if event["type"].endswith("StateEntered")
        ]

    def failures(self, execution: dict[str, Any]) -> list[str]:
        """Return the error names of the execution's failed Tasks."""
        return [
            event["taskFailedEventDetails"]["error"]
            for event in self.history(execution)
            if event["type"] == "TaskFailed"
        ]

    def find(self, upload: str) -> JobRecord | None:
        """Return the row of this upload's job; None before it is accepted."""
        pointer = self._row(upload_row(f"{TENANT}/{upload}"))
        job_id = pointer and pointer.get("points_to")  # absent while it is being accepted
        row = job_id and self._row(job_id)
        return JobRecord.model_validate(row) if row else None

    def _row(self, job_id: str) -> dict[str, Any] | None:
        """Return a row of the table of jobs."""
        item = (
            self.cloud.client("dynamodb")
            .get_item(TableName=self.outputs["JobsTableName"], Key={"job_id": {"S": job_id}})
            .get("Item")
        )
        return row_of(item) if item else None

    def record(self, upload: str) -> JobRecord:
        """Return the row of this upload's job."""
        found = self.find(upload)
        assert found is not None, upload
        return found

    def aws(self, *arguments: str) -> dict[str, Any]:
        """Run the AWS CLI, as an operator would."""
        run = subprocess.run(
            [ROOT / ".venv/tools/bin/aws", *arguments, "--output", "json"],
            env=os.environ | self.cloud.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        answer: dict[str, Any] = json.loads(run.stdout or "{}")
        return answer

    def likeness(self, *arguments: str) -> str:
        """Run the client's command line, as a model's owner would."""
        search_path = {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"}
        run = subprocess.run(
            [ROOT / ".venv/tools/bin/python", "-m", "likeness_client", *arguments],
            env=os.environ | self.cloud.environment() | search_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return run.stdout + run.stderr

    def training_jobs(self, job_id: str) -> list[dict[str, Any]]:
        """Return the SageMaker training jobs of this job."""
        listed = self.aws("sagemaker", "list-training-jobs", "--name-contains", job_id)
        jobs: list[dict[str, Any]] = listed["TrainingJobSummaries"]
        return jobs

    def tags(self, training_job: dict[str, Any]) -> ItemsView[str, str]:
        """Return the tags of a training job."""
        listed = self.aws(
            "sagemaker", "list-tags", "--resource-arn", training_job["TrainingJobArn"]
        )
        return {tag["Key"]: tag["Value"] for tag in listed["Tags"]}.items()

    def trace(self, execution: dict[str, Any]) -> list[str]:
        """Return the names of the segments in the execution's trace, by their beginnings."""
        root = execution["traceHeader"].partition(";")[0].removeprefix("Root=")
        (trace,) = self.aws("xray", "batch-get-traces", "--trace-ids", root)["Traces"]
        return [json.loads(one["Document"])["name"] for one in trace["Segments"]]

    def redrive(self, execution: dict[str, Any]) -> None:
        arn = execution["executionArn"]
        self.aws("stepfunctions", "redrive-execution", "--execution-arn", arn)

    def settings(self, stage: str) -> dict[str, str]:
        """Return a function's environment."""
        found = self.cloud.client("lambda").get_function_configuration(
            FunctionName=f"likeness-{stage}"
        )
        variables: dict[str, str] = found["Environment"]["Variables"]
        return variables

    @contextmanager
    def stub_trainer(self) -> Iterator[None]:
        """Train with the stub trainer: the real one's start takes as long as all else together."""
        with self.launching(TRAINING_IMAGE_URI=f"{STUB_IMAGE}:1"):
            yield

    @contextmanager
    def launching(self, **variables: str) -> Iterator[None]:
        """Change the environment of every function that starts trainings."""
        before = {stage: self.settings(stage) for stage in LAUNCHERS}
        for stage, own in before.items():
            self.configure(stage, own | variables)
        try:
            yield
        finally:
            for stage, own in before.items():
                self.configure(stage, own)

    def configure(self, stage: str, variables: dict[str, str]) -> None:
        """Change a function's environment, to break a stage or to repair it."""
        self.cloud.client("lambda").update_function_configuration(
            FunctionName=f"likeness-{stage}", Environment={"Variables": variables}
        )


def job_of(execution: dict[str, Any]) -> str:
    """Return the job id of an execution that ended in a notice."""
    return str(json.loads(execution["output"])["job_id"])


def photos(seed: int, count: int = 6) -> dict[str, bytes]:
    """Return drawn photos as files; another seed is another person."""
    taken = album(seed, count, size=128)
    return {f"photo-{n}.jpg": upload_bytes(photo.image) for n, photo in enumerate(taken)}
