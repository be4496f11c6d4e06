"""``likeness bench instance``: train the same photos on several instance types; keep the speeds.

Estimates of later requests read what was measured: docs/cost.md.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.exceptions import ClientError

from contracts.base import BaseCard
from contracts.document import Document
from contracts.documents.record import JobRecord
from contracts.documents.speeds import MeasuredSpeed, MeasuredSpeeds
from contracts.documents.training import TrainingResult
from contracts.shared import layout
from likeness_client.aws_errors import CONFIG
from likeness_client.exit_codes import ExitCode
from likeness_client.folder import walk
from likeness_client.jobs import EVERY_SECONDS, Jobs, RefusedUpload, describe, is_bad, verdict
from likeness_client.printing import print_now
from likeness_client.stack import Stack, find

D = TypeVar("D", bound=Document)

TENANT = "likeness-bench"
REQUEST = {
    "instance_prompt": "a photo of a sks person",
    "class_prompt": "a photo of a person",
    "with_prior_preservation": False,
}
"""For a folder without request.json; class images would be drawn by the first training alone."""

UNDER_WAY = {"InProgress", "Stopping"}
"""SageMaker's words for a training job that goes on."""

MISSING = {"NoSuchKey", "404"}


class NotMeasuredError(Exception):
    """A training did not end well, or left no figures; the text says which and what to do."""


@dataclass(frozen=True)
class Order:
    """What to measure."""

    folder: Path
    """Photos, and request.json if any."""
    instance_types: Sequence[str]
    steps: int
    save: bool
    """Whether estimates shall use the speeds."""
    yes: bool


@dataclass(frozen=True)
class Measured:
    """The figures of one training."""

    speed: MeasuredSpeed
    start_seconds: float
    """From CreateTrainingJob to the start of the download."""
    train_seconds: float
    billable_seconds: int
    usd: float | None


@dataclass(frozen=True)
class Place:
    """The parts of a deployed stack that are used, by their names."""

    uploads: str
    models: str
    bases: str
    base_id: str
    jobs: Jobs

    @classmethod
    def of(cls, stack: Stack) -> "Place":
        """Return the names in a stack."""
        names = {resource.logical_id: resource.name for resource in stack.resources}
        return cls(
            uploads=names["UploadsBucket"],
            models=names["ModelsBucket"],
            bases=stack.parameters["BasesBucket"],
            base_id=stack.parameters["BaseId"],
            jobs=Jobs(names["JobsTable"]),
        )


def measure(stack_name: str, order: Order, sleep: Callable[[float], None] = time.sleep) -> int:
    """Upload one request for each instance type, wait, print a table, and keep the speeds.

    Raises:
        NoStackError: there is no such stack.
        NoFolderError: there is no such folder of photos.
        NotMeasuredError: the operator said no, or a training left no figures.
    """
    place = Place.of(find(boto3.client("cloudformation", config=CONFIG), stack_name))
    files = walk(order.folder).files
    confirm(order, place)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    s3 = boto3.client("s3", config=CONFIG)
    uploads = {
        kind: upload(s3, place, order, kind, files, f"{stamp}-{kind.replace('.', '-')}")
        for kind in order.instance_types
    }
    sagemaker = boto3.client("sagemaker", config=CONFIG)
    measured = [
        figures(s3, sagemaker, place, wait(place.jobs, name, kind, sleep), sleep)
        for kind, name in uploads.items()
    ]
    print_now(table(measured))
    if order.save:
        print_now(keep(s3, place, [one.speed for one in measured]))
    return ExitCode.DONE


def confirm(order: Order, place: Place) -> None:
    """Say what will be paid, and ask.

    Raises:
        NotMeasuredError: the answer is not yes.
    """
    kinds = ", ".join(order.instance_types)
    print_now(
        f"{len(order.instance_types)} training jobs of {order.steps} steps on the base"
        f" {place.base_id}: {kinds}. Each is billed by SageMaker."
    )
    if not order.yes and input("Go on? [yes/no] ").strip().lower() not in {"y", "yes"}:
        raise NotMeasuredError("nothing was started")


def upload(  # noqa: PLR0913, PLR0917 - one upload's parts
    s3: Any,  # noqa: ANN401 - a boto3 client
    place: Place,
    order: Order,
    kind: str,
    files: Sequence[Path],
    name: str,
) -> str:
    """Put the photos and, last, the request; return ``<tenant>/<upload>``."""
    prefix = layout.uploads.upload_prefix(TENANT, name)
    photos = [file for file in files if file.name != "request.json"]
    for file in photos:
        key = prefix + file.relative_to(order.folder).as_posix()
        s3.upload_file(str(file), place.uploads, key)
    body = json.dumps(request_of(order, kind, name)).encode()
    s3.put_object(Bucket=place.uploads, Key=f"{prefix}request.json", Body=body)
    return f"{TENANT}/{name}"


def request_of(order: Order, kind: str, name: str) -> dict[str, Any]:
    """Return the folder's own request, or the default one, for one instance type."""
    own = order.folder / "request.json"
    given: dict[str, Any] = json.loads(own.read_text()) if own.is_file() else dict(REQUEST)
    for field in ("sweep", "num_train_epochs", "max_cost_usd"):
        given.pop(field, None)
    return {
        **given,
        "max_train_steps": order.steps,
        "dry_run": False,
        "idempotency_key": name,
        "run": {**given.get("run", {}), "instance_type": kind, "use_spot_instances": False},
    }


def wait(jobs: Jobs, name: str, kind: str, sleep: Callable[[float], None]) -> JobRecord:
    """Print each change until the training's job has succeeded; return its record.

    Raises:
        NotMeasuredError: it was refused, failed or was canceled.
    """
    found = None
    for found in jobs.changes(name, sleep):
        print_now(f"{kind:<18} {describe(found)}")
    if found is None or isinstance(found, RefusedUpload) or is_bad(found):
        why = "" if found is None else verdict(found).strip()
        raise NotMeasuredError(f"{kind} was not measured: {why or 'the job is gone'}")
    return jobs.record(found.job_id)


def figures(
    s3: Any,  # noqa: ANN401 - a boto3 client
    sagemaker: Any,  # noqa: ANN401 - a boto3 client
    place: Place,
    record: JobRecord,
    sleep: Callable[[float], None],
) -> Measured:
    """Return the figures of a succeeded job.

    Raises:
        NotMeasuredError: its result has none.
    """
    name, plan = record.training_job_name or newest(record), record.plan_id or record.job_id
    key = layout.models.result_key(plan, record.job_id)
    result = read(s3, place.models, key, TrainingResult)
    metrics = None if result is None else result.metrics
    adapter = None if result is None else result.adapter
    if metrics is None or adapter is None or not metrics.images or not metrics.train_seconds:
        raise NotMeasuredError(f"{name} left no figures under {key} of {place.models}")
    job = ended_job(sagemaker, name, sleep)
    created, started, ended = (
        job[field] for field in ("CreationTime", "TrainingStartTime", "TrainingEndTime")
    )
    receipt = record.receipts.get(name)
    speed = MeasuredSpeed(
        instance_type=job["ResourceConfig"]["InstanceType"],
        images_per_second=metrics.images / metrics.train_seconds,
        resolution=adapter.resolution,
        other_seconds=max(0.0, (ended - created).total_seconds() - metrics.train_seconds),
        measured_on=datetime.now(UTC).date().isoformat(),
        training_job_name=name,
    )
    return Measured(
        speed,
        start_seconds=(started - created).total_seconds(),
        train_seconds=metrics.train_seconds,
        billable_seconds=job.get("BillableTimeInSeconds", 0),
        usd=None if receipt is None else receipt.usd,
    )


def ended_job(
    sagemaker: Any,  # noqa: ANN401 - a boto3 client
    name: str,
    sleep: Callable[[float], None],
) -> dict[str, Any]:
    """Return DescribeTrainingJob's answer after the job's end, which follows the adapter."""
    while True:
        job: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] not in UNDER_WAY:
            return job
        sleep(EVERY_SECONDS)


def newest(record: JobRecord) -> str:
    """Return the last training job that was paid for the job.

    Raises:
        NotMeasuredError: there was none.
    """
    if not record.receipts:
        raise NotMeasuredError(f"the job {record.job_id} had no training job")
    return list(record.receipts)[-1]


def table(measured: Sequence[Measured]) -> str:
    """Return the figures as lines."""
    head = (
        f"{'instance type':<18} {'images/s':>9} {'start s':>8} {'other s':>8} {'billed s':>9}  USD"
    )
    return "\n".join([head, *(line(one) for one in measured)])


def line(one: Measured) -> str:
    """Return one training's figures."""
    usd = "no price" if one.usd is None else f"{one.usd:.4f}"
    return (
        f"{one.speed.instance_type:<18} {one.speed.images_per_second:>9.3g}"
        f" {one.start_seconds:>8.0f} {one.speed.other_seconds:>8.0f}"
        f" {one.billable_seconds:>9}  {usd}"
    )


def keep(s3: Any, place: Place, speeds: Sequence[MeasuredSpeed]) -> str:  # noqa: ANN401
    """Store the speeds beside the base, where estimates read them; return where.

    Raises:
        NotMeasuredError: the base has no card.
    """
    card = read(s3, place.bases, layout.bases.card_key(place.base_id), BaseCard)
    if card is None:
        raise NotMeasuredError(f"{place.bases} has no base {place.base_id}")
    key = layout.bases.speeds_key(place.base_id)
    found = read(s3, place.bases, key, MeasuredSpeeds)
    if found is None or found.base_sha256 != card.sha256:
        found = MeasuredSpeeds(base_id=card.base_id, base_sha256=card.sha256, speeds=())
    for speed in speeds:
        found = found.with_speed(speed)
    s3.put_object(Bucket=place.bases, Key=key, Body=found.model_dump_json(indent=2).encode())
    return f"estimates use them from now on: s3://{place.bases}/{key}"


def read(s3: Any, bucket: str, key: str, kind: type[D]) -> D | None:  # noqa: ANN401
    """Return a document; None when it is missing."""
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            return None
        raise
    return kind.model_validate_json(body)
