"""What no event announces, the schedules find: a job that nobody launched, and what is to go."""

from bench.workflow.__main__ import STUB_IMAGE
from contracts.shared import layout
from local.demo.upload import TENANT
from tests.cloud import eventually
from tests.e2e.stack import SMALL, Stack, job_of, photos
from tests.e2e.test_erasure import keys_naming
from tests.e2e.test_many_users import is_queued

LONG_AGO = "2026-01-01T00:00:00+00:00"


def call(stack: Stack, stage: str) -> None:
    """Call a function as its schedule does."""
    answer = stack.cloud.client("lambda").invoke(FunctionName=f"likeness-{stage}")
    assert "FunctionError" not in answer, answer["Payload"].read()


def is_due(stack: Stack, row: str) -> None:
    """Let the time of a row come that says when something is to go."""
    stack.cloud.client("dynamodb").update_item(
        TableName=stack.outputs["JobsTableName"],
        Key={"job_id": {"S": row}},
        UpdateExpression="SET queued_at = :at",
        ConditionExpression="attribute_exists(queue)",
        ExpressionAttributeValues={":at": {"S": LONG_AGO}},
    )


def test_a_job_that_nobody_launched_is_trained_and_goes_when_its_time_has_come(
    stack: Stack,
) -> None:
    launching, reconciling = stack.settings("launch-training"), stack.settings("reconcile")
    stack.configure("launch-training", launching | {"TRAINING_QUOTA": "0"})
    stack.configure("reconcile", reconciling | {"TRAINING_IMAGE_URI": f"{STUB_IMAGE}:1"})
    stack.upload("unannounced", photos(71), SMALL)
    eventually(lambda: is_queued(stack, "unannounced"))
    call(stack, "reconcile")
    execution = stack.execution("unannounced")
    stack.configure("launch-training", launching)
    stack.configure("reconcile", reconciling)
    assert execution["status"] == "SUCCEEDED"
    assert stack.notice("unannounced")["code"] == "ready"
    job_id = job_of(execution)
    uploaded = layout.uploads.upload_prefix(TENANT, "unannounced")
    assert keys_naming(stack, uploaded)

    used, unused = layout.models.used_key(job_id), layout.rows.unused_row(job_id)
    eventually(lambda: keys_naming(stack, used))  # the server has answered when it was warmed up
    is_due(stack, unused)
    call(stack, "expire-photos")
    assert stack.unheard(wait_seconds=1) == []
    stack.cloud.client("s3").put_object(
        Bucket=stack.outputs["ModelsBucketName"], Key=used, Body=b"2024-01-01"
    )
    is_due(stack, unused)
    call(stack, "expire-photos")
    notice = stack.notice("unannounced")
    assert (notice["code"], notice["job_id"]) == ("model_unused", job_id)

    is_due(stack, layout.rows.expiry_row(job_id))
    is_due(stack, layout.rows.consent_end_row(job_id))
    call(stack, "expire-photos")
    assert keys_naming(stack, uploaded) == []
    eventually(lambda: keys_naming(stack, job_id) == [])
