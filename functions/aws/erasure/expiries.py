"""What is deleted when, as rows of the ``jobs`` table: implements domain.ports.erasure.Expiries.

Each has a row of its own, which the ``queue`` index has by its time: ``expiry#<job>`` for photos,
``consent-end#<job>`` for a consent, and ``unused#<job>`` for the use of a model.
"""

from datetime import datetime
from typing import Self

from boto3.dynamodb.conditions import Attr

from aws.jobs.cost_records import DynamoRows
from aws.tables import open_table
from contracts.documents.job import JobSpec
from contracts.documents.status import UploadRow
from contracts.shared import layout
from domain.ports.erasure import DuePhotos, UnusedModel


class DynamoExpiries(DynamoRows):
    """Photos; see the Protocol for what each method promises."""

    _queue = "expiring"
    _row_of = staticmethod(layout.rows.expiry_row)

    @classmethod
    def from_env(cls) -> Self:
        """Open the table that JOBS_TABLE names."""
        return cls(open_table("JOBS_TABLE"))

    def add(self, job: JobSpec, at: datetime) -> None:
        """Store when the photos of a job are to go; the first time stays."""
        row = {"tenant": job.tenant, "upload": job.upload, "queue": self._queue}
        self._update(self._row_of(job.job_id), None, row, {"queued_at": at.isoformat()})

    def due(self, now: datetime) -> list[DuePhotos]:
        """Return what is to go by now, the oldest first."""
        return [
            DuePhotos(row["job_id"].partition("#")[2], row["tenant"], row["upload"])
            for row in self._rows_in(self._queue)
            if row["queued_at"] <= now.isoformat()
        ]

    def newest_job(self, tenant: str, upload: str) -> str | None:
        """Return the job of the upload's newest accepted request."""
        key = {"job_id": layout.rows.upload_row(f"{tenant}/{upload}")}
        row = self._table.get_item(Key=key, ConsistentRead=True).get("Item", {})
        return UploadRow.model_validate(row).points_to

    def forget(self, job_id: str) -> None:
        """Delete the row; its photos are gone."""
        self._table.delete_item(Key={"job_id": self._row_of(job_id)})


class DynamoConsentEnds(DynamoExpiries):
    """Ends of consents."""

    _queue = "consents-ending"
    _row_of = staticmethod(layout.rows.consent_end_row)


class DynamoUnusedModels(DynamoRows):
    """Models at whose use somebody has to look: implements domain.ports.erasure.UnusedModels."""

    _queue = "models-in-use"

    @classmethod
    def from_env(cls) -> Self:
        """Open the table that JOBS_TABLE names."""
        return cls(open_table("JOBS_TABLE"))

    def add(self, job: JobSpec, at: datetime) -> None:
        """Store when somebody looks at a model first; a time that is there stays."""
        row = {"tenant": job.tenant, "upload": job.upload, "queue": self._queue}
        self._update(layout.rows.unused_row(job.job_id), None, row, {"queued_at": at.isoformat()})

    def due(self, now: datetime) -> list[UnusedModel]:
        """Return the models to look at by now, the oldest first."""
        return [
            UnusedModel(
                row["job_id"].partition("#")[2],
                row["tenant"],
                row["upload"],
                row.get("announced_at"),
            )
            for row in self._rows_in(self._queue)
            if row["queued_at"] <= now.isoformat()
        ]

    def look_again(self, job_id: str, at: datetime) -> None:
        """Look at a model later; a row that is gone, because the model was erased, stays gone."""
        there, later = Attr("queue").exists(), {"queued_at": at.isoformat()}
        self._update(layout.rows.unused_row(job_id), there, later, drop=("announced_at",))

    def was_announced(self, job_id: str, now: datetime, at: datetime) -> None:
        """Note that the owner was told, and look again later."""
        changes = {"queued_at": at.isoformat(), "announced_at": now.isoformat()}
        self._update(layout.rows.unused_row(job_id), Attr("queue").exists(), changes)

    def forget(self, job_id: str) -> None:
        """Delete the row; the model is erased."""
        self._table.delete_item(Key={"job_id": layout.rows.unused_row(job_id)})
