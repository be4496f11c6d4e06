"""Time passes for each row of contracts/shared/people/retention.py, on the laptop's AWS.

Buckets have the lifecycle rules of template.yaml, and the tests move their clock. Rows are written
by the stores, and deleted by the table's own time to live. SQS and CloudWatch Logs have clocks that
nobody moves: of these the setting is read.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from aws.api.appeals import DynamoAppeals
from aws.api.consents import DynamoConsents
from aws.api.exports import DynamoExports
from aws.api.front_door import DynamoShortMemory
from aws.api.pictures import DynamoPictures
from aws.api.takedowns import DynamoTakedowns
from aws.api.webhooks import DynamoWebhooks
from aws.audit import DynamoAudit
from contracts.documents.api.pictures import PictureRow
from contracts.documents.api.webhooks import WebhookDelivery, WebhookMessage, WebhookTask
from contracts.documents.appeal import AppealRow
from contracts.documents.audit import AuditEntry
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.export import ExportRow, ExportSubject
from contracts.documents.takedown import TakedownCase
from contracts.documents.upload.consent import Consent
from contracts.shared.people.retention import RETENTION, Kept
from domain.ports.front_door import Remembered
from local.demo.upload import consent
from tests.contract.files import template
from tests.contract.test_local_lifecycle import DAY, keys, sweep
from tests.integration.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud.server import Cloud

RESOURCES, PARAMETERS = template()["Resources"], template()["Parameters"]
ELSEWHERE = {
    "photos, captions and copies of a training that has succeeded":
        "tests/unit/domain/test_expiry.py::test_photos_stay_for_a_day",
    "models that nobody draws with, their reports and rows":
        "tests/unit/domain/test_unused.py::test_an_owner_is_told_thirty_days_before",
}  # fmt: skip
"""Rules that a function of ours carries out, which is given the time."""


def rules(*by: str) -> pytest.MarkDecorator:
    """Return the rows that these end."""
    rows = [row for row in RETENTION if row.by in by]
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.what)


def days(row: Kept) -> int:
    assert row.after is not None
    return row.after.days


@pytest.fixture
def make_bucket(cloud: Cloud) -> Callable[[str], str]:
    """Make a bucket with the rules of one of the template's."""

    def make(resource: str) -> str:
        name = f"kept-{uuid.uuid4().hex[:12]}"
        given = RESOURCES[resource]["Properties"]
        properties = {
            "BucketName": name,
            "LifecycleConfiguration": given["LifecycleConfiguration"],
            "VersioningConfiguration": given["VersioningConfiguration"],
        }
        numbers = {key: one for key, one in PARAMETERS.items() if one["Type"] == "Number"}
        bucket = {"Type": "AWS::S3::Bucket", "Properties": properties}
        body = json.dumps({"Parameters": numbers, "Resources": {"B": bucket}})
        stacks = cloud.client("cloudformation")
        stacks.create_stack(StackName=name, TemplateBody=body)
        stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        return name

    return make


@rules("lifecycle")
def test_an_object_goes_after_its_time_and_not_before(
    cloud: Cloud, make_bucket: Callable[[str], str], row: Kept
) -> None:
    bucket, key = make_bucket(row.place), f"{row.prefix or 'tenants/acme/'}a"
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"1")
    sweep(days(row) - 0.1)
    assert keys(cloud, bucket) == {key}
    sweep(days(row) + 1)
    assert keys(cloud, bucket) == set()


@rules("noncurrent")
def test_an_old_version_goes_after_its_time_and_the_present_one_stays(
    cloud: Cloud, make_bucket: Callable[[str], str], row: Kept
) -> None:
    bucket, key = make_bucket(row.place), f"{row.prefix or 'endpoint/'}a"
    files = cloud.client("s3")
    for body in (b"old", b"new"):
        files.put_object(Bucket=bucket, Key=key, Body=body)

    def versions() -> int:
        return len(files.list_object_versions(Bucket=bucket).get("Versions", []))

    sweep(days(row) - 0.1)
    assert versions() == 2
    sweep(days(row) + 1)
    assert versions() <= 1, "where objects expire on that day too, it is gone with them"


@rules("unfinished")
def test_an_upload_that_nobody_completes_goes_after_its_time(
    cloud: Cloud, make_bucket: Callable[[str], str], row: Kept
) -> None:
    bucket, files = make_bucket(row.place), cloud.client("s3")
    files.create_multipart_upload(Bucket=bucket, Key=f"{row.prefix or 'endpoint/'}a")
    sweep(days(row) - 0.1)
    assert len(files.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
    sweep(days(row) + 1)
    assert "Uploads" not in files.list_multipart_uploads(Bucket=bucket)


def test_what_only_an_erasure_ends_outlives_ten_years(
    cloud: Cloud, make_bucket: Callable[[str], str]
) -> None:
    kept = {row.place for row in RETENTION if row.by == "erasure"}
    assert kept == {"ModelsBucket"}
    bucket = make_bucket("ModelsBucket")
    stay = {"endpoint/a.tar.gz", "jobs/a/b", "training/a/b", "allowed/a.b", "used/a", "receipts/a"}
    for key in stay:
        cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"1")
    sweep(3650)
    assert keys(cloud, bucket) == stay


NOW = datetime.now(UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
WRITTEN: dict[str, tuple[str, Callable[[Any, timedelta], object]]] = {
    "rows of exports": (
        "ApiTable",
        lambda store, kept: DynamoExports(store).add(
            ExportRow(
                export_id=f"exp_{1:024x}", subject=ExportSubject(tenant="acme"),
                created_at=NOW.isoformat(), updated_at=NOW.isoformat(),
                delete_at=int((NOW + kept).timestamp()),
            )
        ),
    ),
    "cases of takedowns": (
        "ApiTable",
        lambda store, kept: DynamoTakedowns(store, kept.days).add(
            TakedownCase(
                case_id=f"td_{1:032x}", reason="other", received_at=NOW.isoformat(),
                due_at=NOW.isoformat(),
            )
        ),
    ),
    "appeals": (
        "ApiTable",
        lambda store, kept: DynamoAppeals(store, kept.days).add(
            AppealRow(
                appeal_id=f"ap_{1:032x}", refusal_id="u1", tenant="acme", code="name_refused",
                hashes=("0" * 64,), asked_at=NOW.isoformat(),
            )
        ),
    ),
    "rows of ordered pictures": (
        "ApiTable",
        lambda store, kept: DynamoPictures(store).add(
            PictureRow(
                picture_id=f"pic_{1:024x}", tenant="acme", model_id=f"{1:032x}", seed=1, count=1,
                created_at=NOW.isoformat(), updated_at=NOW.isoformat(),
                delete_at=int((NOW + kept).timestamp()),
            )
        ),
    ),
    "deliveries to webhooks": (
        "ApiTable",
        lambda store, kept: DynamoWebhooks(store).record(
            WebhookDelivery(
                task=WebhookTask(
                    webhook_id=f"wh_{1:016x}", message_id=f"msg_{1:032x}",
                    message=WebhookMessage(type="ping", timestamp=NOW.isoformat(), data={}),
                ),
                tenant="acme", updated_at=NOW.isoformat(),
            ),
            NOW + kept,
        ),
    ),
    "answers that a repeated call gets": (
        "ApiTable",
        lambda store, _kept: DynamoShortMemory(store).answered(
            "a", Remembered("digest", 200, "{}"), NOW
        ),
    ),
    "counters of calls": (
        "ApiTable",
        lambda store, _kept: DynamoShortMemory(store).count("a", DAY, MIDNIGHT),
    ),
    "audit trail": (
        "AuditTable",
        lambda store, kept: DynamoAudit(store, kept.days).add(
            "acme",
            AuditEntry(entry_id=f"{1:024x}", at=NOW.isoformat(), who="operator", action="x"),
        ),
    ),
    "records of consents": (
        "ApiTable",
        lambda store, _kept: DynamoConsents(store).record(
            ConsentRecord(
                model_id=f"{1:032x}", tenant="acme", upload="u1",
                consent=Consent.model_validate(
                    consent() | {"expires_at": (NOW + timedelta(days=1)).isoformat()}
                ),
                recorded_at=NOW.isoformat(),
            )
        ),
    ),
}  # fmt: skip
"""The table of each kind of row, and what writes one now that is kept for so long."""


KEPT_FROM = {"records of consents": NOW + timedelta(days=1), "counters of calls": MIDNIGHT}
"""What is kept from another time on: a consent's end, the begin of the day that is counted."""


@rules("ttl")
def test_a_row_goes_after_its_time_and_not_before(cloud: Cloud, row: Kept) -> None:
    resource, write = WRITTEN[row.what]
    assert resource == row.place
    assert row.after is not None
    store = table(cloud, resource)
    write(store, row.after)
    begin = KEPT_FROM.get(row.what, NOW)
    let_rows_end(store, resource, begin + row.after - timedelta(hours=1))
    assert store.scan()["Count"] == 1
    let_rows_end(store, resource, begin + row.after + timedelta(hours=1))
    assert store.scan()["Count"] == 0


def let_rows_end(store: Any, resource: str, now: datetime) -> None:
    """Delete what the table's time to live lets DynamoDB delete at a time."""
    properties = RESOURCES[resource]["Properties"]
    setting, names = properties["TimeToLiveSpecification"], properties["KeySchema"]
    assert setting["Enabled"] is True
    for item in store.scan()["Items"]:
        if item[setting["AttributeName"]] <= now.timestamp():
            store.delete_item(
                Key={one["AttributeName"]: item[one["AttributeName"]] for one in names}
            )


@rules("queue")
def test_a_message_goes_after_its_time(row: Kept) -> None:
    kept = RESOURCES[row.place]["Properties"]["MessageRetentionPeriod"]
    assert kept == days(row) * DAY


@rules("logs")
def test_every_log_group_ends_its_lines_after_the_same_time(row: Kept) -> None:
    groups = [one for one in RESOURCES.values() if one["Type"] == "AWS::Logs::LogGroup"]
    assert groups
    assert {one["Properties"]["RetentionInDays"]["Ref"] for one in groups} == {row.parameter}


def test_every_rule_is_tried_in_time() -> None:
    tried = {"lifecycle", "noncurrent", "unfinished", "erasure", "ttl", "queue", "logs"}
    left = {row.what for row in RETENTION if row.by not in tried}
    assert left == ELSEWHERE.keys()
