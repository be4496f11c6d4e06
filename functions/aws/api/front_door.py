"""What the HTTP API asks of AWS: forms for S3, the jobs of a tenant, a short memory."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from boto3.dynamodb.conditions import Attr, Key
from botocore.config import Config
from botocore.exceptions import ClientError

from aws import settings
from aws.api.table import INDEX, ApiStore
from aws.clients import CONFIG, client
from aws.functions import ask
from aws.tables import open_table, rows_of, write_if
from contracts.documents.api.models import Approval
from contracts.documents.api.uploads import PhotoInspected, PhotoToInspect
from contracts.documents.api.verification import (
    PictureToVerify,
    PictureVerdict,
    PictureVerified,
)
from contracts.documents.record import JobRecord
from contracts.documents.status import CancelJobInput, Cancellation, UploadRow
from contracts.shared.layout.rows import approval_row, upload_row
from contracts.shared.people.retention import ANSWERS
from domain.ports.front_door import Form, Remembered

KEPT_SECONDS = int(ANSWERS.total_seconds())
"""How long an answer is remembered under its Idempotency-Key."""

_PAST = {"ExecutionNotRedrivable", "ExecutionDoesNotExist"}

_SIGNING = CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))
"""For addresses with bucket and Region in the host's name. botocore's default is S3's global name:
it refuses buckets in Regions from after March 2019, and redirects for new ones elsewhere."""

CLAIM_SECONDS = 60
"""Seconds after which a request without an answer has failed; API Gateway waits for 30."""


class S3Signer:
    """Signs forms and links for one bucket: implements domain.ports.front_door.Signer."""

    def __init__(self, bucket: str, s3: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._bucket, self._s3 = bucket, s3

    @classmethod
    def from_env(cls, variable: Literal["UPLOADS_BUCKET", "MODELS_BUCKET"]) -> "S3Signer":
        """Sign for the bucket that this variable names."""
        return cls(settings.text(variable), client("s3", _SIGNING))

    def form(self, key: str, size: int, content_type: str, seconds: int) -> Form:
        """Return a form that stores exactly one key, of this size and type."""
        made = self._s3.generate_presigned_post(
            Bucket=self._bucket,
            Key=key,
            Fields={"Content-Type": content_type},
            Conditions=[
                {"Content-Type": content_type},
                ["content-length-range", size, size],
            ],
            ExpiresIn=seconds,
        )
        return Form(made["url"], made["fields"])

    def link(self, key: str, name: str, seconds: int) -> str:
        """Return an address from which one object can be downloaded under this name."""
        wanted = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentDisposition": f'attachment; filename="{name}"',
        }
        made: str = self._s3.generate_presigned_url("get_object", wanted, ExpiresIn=seconds)
        return made


class DynamoApprovals(ApiStore):
    """Rows of the ``api`` table: implements domain.ports.front_door.Approvals."""

    def get(self, tenant: str, model_id: str) -> Approval | None:
        """Return the newest decision; None when there was none."""
        row = self._table.get_item(Key={"row": approval_row(tenant, model_id)}).get("Item")
        return (
            None if row is None else Approval(approved=row["approved"], by=row["by"], at=row["at"])
        )

    def put(self, tenant: str, model_id: str, approval: Approval) -> None:
        """Store a decision in place of the one before."""
        self._table.put_item(Item={"row": approval_row(tenant, model_id), **approval.model_dump()})


class DynamoTenantJobs:
    """The jobs table, read only: implements domain.ports.front_door.TenantJobs."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> "DynamoTenantJobs":
        """Open the table that JOBS_TABLE names."""
        return cls(open_table("JOBS_TABLE"))

    def get(self, job_id: str) -> JobRecord | None:
        """Return the job's record; None when the job is unknown."""
        item = self._item(job_id)
        return JobRecord.model_validate(item) if item else None

    def of_upload(self, place: str) -> UploadRow:
        """Return what became of an upload; an empty row when nothing is known."""
        return UploadRow.model_validate(self._item(upload_row(place)))

    def newest(self, tenant: str, limit: int, before: str | None) -> list[JobRecord]:
        """Return at most ``limit`` jobs without trials of sweeps, the newest first.

        Pages of the index are read until there are enough, so no more than one page too many.
        """
        query = {"KeyConditionExpression": Key("tenant").eq(tenant), "Limit": limit}
        if before is not None:
            created_at, _, job_id = before.rpartition("#")
            key = {"tenant": tenant, "created_at": created_at, "job_id": job_id}
            query["ExclusiveStartKey"] = key
        jobs = (job for job in self._query(**query) if job.trial_of is None)
        return list(islice(jobs, limit))

    def begun(self, tenant: str, first: str, last: str) -> list[JobRecord]:
        """Return the jobs, trials too, whose ``created_at`` is between these."""
        between = Key("tenant").eq(tenant) & Key("created_at").between(first, last)
        return list(self._query(KeyConditionExpression=between))

    def _query(self, **query: object) -> Iterator[JobRecord]:
        """Yield the rows of the index by tenant, the newest first."""
        rows = rows_of(self._table.query, IndexName=INDEX, ScanIndexForward=False, **query)
        return (JobRecord.model_validate(item) for item in rows)

    def _item(self, row: str) -> dict[str, Any]:
        found: dict[str, Any] = self._table.get_item(Key={"job_id": row}, ConsistentRead=True)
        return found.get("Item") or {}


class LambdaCanceller:
    """Asks the function cancel_job: implements domain.ports.front_door.Canceller."""

    def __init__(self, function: str) -> None:
        self._function = function

    @classmethod
    def from_env(cls) -> "LambdaCanceller":
        """Ask the function that CANCEL_FUNCTION names."""
        return cls(settings.text("CANCEL_FUNCTION"))

    def cancel(self, job_id: str, tenant: str) -> Cancellation:
        """Cancel the tenant's job; ``unknown`` for any other.

        Raises:
            FunctionFailedError: the function has failed.
        """
        given = CancelJobInput(job_id=job_id, tenant=tenant)
        return ask(client("lambda"), self._function, given, Cancellation)


class StatesRedriver:
    """Asks Step Functions: implements domain.ports.front_door.Redriver."""

    def redrive(self, execution_arn: str) -> bool:
        """Continue a failed execution; False when it has not failed, or too long ago."""
        try:
            client("stepfunctions").redrive_execution(executionArn=execution_arn)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _PAST:
                raise
            return False
        return True


INSPECT_SECONDS = 26
"""API Gateway waits for 30 seconds; a second try would come too late."""

_ONCE = CONFIG.merge(Config(read_timeout=INSPECT_SECONDS, retries={"total_max_attempts": 1}))


class LambdaVerifier:
    """Asks the function verify_picture: implements domain.ports.takedown.Verifier.

    The right to read the marks' secret lies with that function, which has no door of its own.
    """

    def __init__(self, function: str) -> None:
        self._function = function
        self._functions = client("lambda", _ONCE)

    @classmethod
    def from_env(cls) -> "LambdaVerifier":
        """Ask the function that VERIFY_FUNCTION names."""
        return cls(settings.text("VERIFY_FUNCTION"))

    def verify(self, given: PictureToVerify) -> PictureVerdict | None:
        """Return what the marks say; None: the file is no picture that can be decoded.

        Raises:
            FunctionFailedError: the function has failed.
        """
        return ask(self._functions, self._function, given, PictureVerified).verdict


class LambdaPhotoInspector:
    """Asks the function inspect_photos: implements domain.ports.front_door.PhotoInspector."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._functions = client("lambda", _ONCE)

    @classmethod
    def from_env(cls) -> "LambdaPhotoInspector":
        """Ask the function that INSPECT_FUNCTION names."""
        return cls(settings.text("INSPECT_FUNCTION"))

    def inspect(self, asked: PhotoToInspect) -> PhotoInspected:
        """Return the verdict on one photo.

        Raises:
            FunctionFailedError: the function has failed.
        """
        return ask(self._functions, self._function, asked, PhotoInspected)


class DynamoShortMemory(ApiStore):
    """Rows of the ``api`` table with an end: implements domain.ports.front_door.ShortMemory."""

    def begin(self, key: str, digest: str, now: datetime) -> Remembered | Literal["new", "busy"]:
        """Claim an idempotency key, or return what was answered under it."""
        second = int(now.timestamp())
        row = {"row": key, "digest": digest, "busy_until": second + CLAIM_SECONDS}
        free = Attr("row").not_exists() | Attr("delete_at").lt(second)
        given_up = Attr("answer").not_exists() & Attr("busy_until").lt(second)
        claimed = write_if(
            self._table.put_item,
            Item=row | {"delete_at": second + KEPT_SECONDS},
            ConditionExpression=free | given_up,
        )
        return "new" if claimed else self._earlier(key)

    def answered(self, key: str, answer: Remembered, now: datetime) -> None:
        """Keep the answer to a request."""
        self._table.put_item(
            Item={
                "row": key,
                "digest": answer.digest,
                "answer": json.dumps({"status": answer.status, "body": answer.body}),
                "delete_at": int(now.timestamp()) + KEPT_SECONDS,
            }
        )

    def forget(self, key: str) -> None:
        """Give the key back."""
        self._table.delete_item(Key={"row": key})

    def count(self, name: str, seconds: int, now: datetime) -> int:
        """Count one event in the present window of ``seconds`` seconds; return the count."""
        window = int(now.timestamp()) // seconds
        answer = self._table.update_item(
            Key={"row": f"{name}#{window}"},
            UpdateExpression="ADD #count :one SET delete_at = :end",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues={":one": 1, ":end": (window + 2) * seconds},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["count"])

    def _earlier(self, key: str) -> Remembered | Literal["busy"]:
        row = self._table.get_item(Key={"row": key}, ConsistentRead=True).get("Item") or {}
        if "answer" not in row:
            return "busy"
        answer = json.loads(row["answer"])
        return Remembered(str(row["digest"]), int(answer["status"]), str(answer["body"]))
