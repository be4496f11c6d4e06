"""Erasures in the tables ``jobs`` and ``models``: implements domain.ports.erasure.Erasures.

A tombstone is a small row of its own, ``erased#<hash>``. It has no tenant and no name, and stays.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from boto3.dynamodb.conditions import Attr, Key

from aws.api.table import DOCUMENT
from aws.erasure.api_rows import kind_of, names_model, tenant_of
from aws.jobs.cost_records import DynamoRows
from aws.tables import open_table, rows_of, write_if
from contracts.documents.erasure import ErasureSubject, Store
from contracts.documents.export import ExportRow
from contracts.documents.record import JobRecord
from contracts.documents.status import UploadRow
from contracts.shared import layout
from domain.erasure.reach import training_jobs_of
from domain.ports.erasure import ApiRows, Erasure, TenantRows

ACCEPTING = timedelta(minutes=3)
"""Longer than accept_request may run."""


class DynamoTombstones(DynamoRows):
    """See the Protocol Tombstones for what each method promises."""

    @classmethod
    def from_env(cls) -> "DynamoTombstones":
        """Open the table that JOBS_TABLE names."""
        return cls(open_table("JOBS_TABLE"))

    def is_erased(self, *subjects: ErasureSubject) -> bool:
        """Return whether any of the subjects has a tombstone."""
        return any(self.find(subject.erasure_id) is not None for subject in subjects)

    def find(self, erasure_id: str) -> Erasure | None:
        """Return an erasure's row; None when nothing was asked for."""
        key = {"job_id": layout.rows.erasure_row(erasure_id)}
        row = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        return None if row is None else _erasure_of(erasure_id, row)

    def begin_accepting(self, tenant: str, upload: str, now: datetime) -> None:
        """Store that an upload is being accepted, so that its erasure waits for the end."""
        lease = {"accepting_until": (now + ACCEPTING).isoformat()}
        self._update(layout.rows.upload_row(f"{tenant}/{upload}"), None, lease)

    def end_accepting(self, tenant: str, upload: str) -> None:
        """Store that the acceptance has ended; do nothing when the upload's row is gone."""
        row = layout.rows.upload_row(f"{tenant}/{upload}")
        write_if(
            self._table.update_item,
            Key={"job_id": row},
            ConditionExpression=Attr("job_id").exists(),
            UpdateExpression="REMOVE accepting_until",
        )


class DynamoErasures(DynamoTombstones):
    """See the Protocol Erasures for what each method promises."""

    def __init__(self, jobs: Any, models: Any, api: Any) -> None:  # noqa: ANN401 - boto3 Tables
        super().__init__(jobs)
        self._models = models
        self._api = api

    @classmethod
    def from_env(cls) -> "DynamoErasures":
        """Open the tables that JOBS_TABLE, MODELS_TABLE and API_TABLE name."""
        return cls(open_table("JOBS_TABLE"), open_table("MODELS_TABLE"), open_table("API_TABLE"))

    def entomb(self, subject: ErasureSubject, now: datetime) -> Erasure:
        """Store the tombstone, if there is none; return the erasure's row."""
        first = {"kind": subject.kind, "requested_at": now.isoformat()}
        self._update(
            layout.rows.erasure_row(subject.erasure_id), Attr("job_id").not_exists(), first
        )
        found = self.find(subject.erasure_id)
        return found or Erasure(subject.erasure_id, subject.kind, now.isoformat())

    def rows_of(self, tenant: str) -> TenantRows:
        """Return every row that names the tenant."""
        prefix = layout.rows.upload_row(f"{tenant}/")
        of_tenant = Attr("tenant").eq(tenant) | Attr("job_id").begins_with(prefix)
        rows = list(_scan(self._table, of_tenant))
        return TenantRows(
            tuple(JobRecord.model_validate(row) for row in rows if "execution_arn" in row),
            {
                row["job_id"].removeprefix(prefix): UploadRow.model_validate(row)
                for row in rows
                if row["job_id"].startswith(prefix)
            },
        )

    def stop_job(self, record: JobRecord, now: datetime) -> None:
        """Store the job's tombstone, and that every stage of it is to end."""
        self.entomb(ErasureSubject(tenant=record.tenant, model_id=record.job_id), now)
        changes = {"erased": True, "cancel_requested": True}
        self._update(record.job_id, Attr("job_id").exists(), changes)

    def record_found(self, erasure_id: str, found: Mapping[Store, int], jobs: int) -> None:
        """Store what there was before the first deletion; a later call changes nothing."""
        changes = {"found": dict(found), "jobs": jobs}
        first = Attr("job_id").exists() & Attr("found").not_exists()
        self._update(layout.rows.erasure_row(erasure_id), first, changes)

    def record_remaining(self, erasure_id: str, remaining: Mapping[Store, int]) -> None:
        """Store what is left after a round of deletions, in place of the round before."""
        changes = {"remaining": dict(remaining)}
        self._update(layout.rows.erasure_row(erasure_id), Attr("job_id").exists(), changes)

    def finish(self, erasure_id: str, now: datetime) -> None:
        """Store that the receipt was written."""
        first = Attr("job_id").exists() & Attr("finished_at").not_exists()
        self._update(layout.rows.erasure_row(erasure_id), first, {"finished_at": now.isoformat()})

    def forget_job(self, record: JobRecord) -> None:
        """Delete the job's row, and the rows about it: notice, expiry, consent, cost."""
        if record.notice_id is not None:
            self._table.delete_item(Key={"job_id": layout.rows.notice_row(record.notice_id)})
        for row in (layout.rows.expiry_row, layout.rows.consent_end_row, layout.rows.unused_row):
            self._table.delete_item(Key={"job_id": row(record.job_id)})
        for name in training_jobs_of(record):  # one that others share is not named after a job
            if record.job_id in name:
                self._table.delete_item(Key={"job_id": layout.rows.cost_row(name)})
        self._table.delete_item(Key={"job_id": record.job_id})

    def forget_upload(self, tenant: str, upload: str) -> None:
        """Delete the upload's row."""
        self._table.delete_item(Key={"job_id": layout.rows.upload_row(f"{tenant}/{upload}")})

    def models_of(self, tenant: str) -> list[str]:
        """Return the ids of the tenant's models that have a row."""
        own = Key("tenant").eq(tenant)
        rows = rows_of(self._models.query, KeyConditionExpression=own, ConsistentRead=True)
        return [row["model_id"] for row in rows]

    def exporting(self, tenant: str) -> list[str]:
        """Return the ends of the leases of the tenant's exports that are written now.

        The index may be late, so the table itself is read.
        """
        own = Attr("row").begins_with(layout.rows.EXPORT_ROWS) & Attr("tenant").eq(
            layout.rows.exports_index(tenant)
        )
        rows = (ExportRow.model_validate_json(row[DOCUMENT]) for row in _scan(self._api, own))
        return [row.busy_until for row in rows if row.busy_until is not None]

    def count_api_rows(self, rows: ApiRows) -> Mapping[Store, int]:
        """Return how many rows of the HTTP API there are, by kind."""
        return Counter(store for store, _ in self._api_rows(rows))

    def forget_api_rows(self, rows: ApiRows) -> None:
        """Delete the rows of the HTTP API; a webhook's comes first.

        A delivery under way then finds no webhook, and stores nothing about its end.
        """
        found = sorted(self._api_rows(rows), key=lambda one: one[0] != "webhooks")
        for _, row in found:
            self._api.delete_item(Key={"row": row})

    def _api_rows(self, wanted: ApiRows) -> list[tuple[Store, str]]:
        """Return the stores and the keys of the rows that are wanted."""
        model_ids = set(wanted.model_ids)
        if wanted.tenant is None and not model_ids:
            return []
        found: list[tuple[Store, str]] = []
        for row in _scan(self._api):
            store, is_own = kind_of(row).store, tenant_of(row) in {wanted.tenant} - {None}
            if store is not None and (is_own or names_model(row, model_ids)):
                found.append((store, row["row"]))
        return found

    def forget_model(self, tenant: str, job_id: str) -> None:
        """Delete the model's row; do nothing when it is gone."""
        self._models.delete_item(Key={"tenant": tenant, "model_id": job_id})


def _scan(
    table: Any,  # noqa: ANN401 - a boto3 Table
    condition: Any = None,  # noqa: ANN401 - boto3's
) -> Iterator[dict[str, Any]]:
    """Return the rows of the whole table that fulfil the condition, as they are now.

    No index has every row of a tenant. Erasures are rare, and must not miss a row.
    """
    wanted = {} if condition is None else {"FilterExpression": condition}
    return rows_of(table.scan, ConsistentRead=True, **wanted)


def _erasure_of(erasure_id: str, row: Mapping[str, Any]) -> Erasure:
    found, remaining = row.get("found"), row.get("remaining")
    return Erasure(
        erasure_id=erasure_id,
        kind=row["kind"],
        requested_at=row["requested_at"],
        finished_at=row.get("finished_at"),
        found=None if found is None else {store: int(count) for store, count in found.items()},
        jobs=int(row.get("jobs", 0)),
        remaining=None if remaining is None else {name: int(remaining[name]) for name in remaining},
    )
