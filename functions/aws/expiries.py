"""Photos that are to go, as rows of the ``jobs`` table: implements domain.ports.erasure.Expiries.

A row of its own, ``expiry#<job>``, stands in the ``queue`` index under ``expiring``, by its time.
"""

from datetime import datetime

import boto3

from aws import settings
from aws.clients import CONFIG
from aws.jobs.cost_records import DynamoRows
from contracts.documents.job import JobSpec
from contracts.documents.status import UploadRow
from contracts.shared import layout
from domain.ports.erasure import DuePhotos

_EXPIRING = "expiring"


class DynamoExpiries(DynamoRows):
    """See the Protocol for what each method promises."""

    @classmethod
    def from_env(cls) -> "DynamoExpiries":
        """Open the table that JOBS_TABLE names."""
        dynamodb = boto3.resource("dynamodb", config=CONFIG)
        return cls(dynamodb.Table(settings.text("JOBS_TABLE")))

    def add(self, job: JobSpec, at: datetime) -> None:
        """Store when the photos of a job are to go; the first time stays."""
        row = {"tenant": job.tenant, "upload": job.upload, "queue": _EXPIRING}
        self._update(layout.expiry_row(job.job_id), None, row, {"queued_at": at.isoformat()})

    def due(self, now: datetime) -> list[DuePhotos]:
        """Return what is to go by now, the oldest first."""
        return [
            DuePhotos(row["job_id"].partition("#")[2], row["tenant"], row["upload"])
            for row in self._rows_in(_EXPIRING)
            if row["queued_at"] <= now.isoformat()
        ]

    def newest_job(self, tenant: str, upload: str) -> str | None:
        """Return the job of the upload's newest accepted request."""
        key = {"job_id": layout.upload_row(f"{tenant}/{upload}")}
        row = self._table.get_item(Key=key, ConsistentRead=True).get("Item", {})
        return UploadRow.model_validate(row).points_to

    def forget(self, job_id: str) -> None:
        """Delete the row; its photos are gone."""
        self._table.delete_item(Key={"job_id": layout.expiry_row(job_id)})
