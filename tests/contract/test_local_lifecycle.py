"""The laptop's buckets expire objects as their lifecycle rules say; the tests move the clock."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud import eventually

if TYPE_CHECKING:
    from local.cloud.server import Cloud

DAY = 24 * 3600


def sweep(days: float) -> None:
    """Apply the rules as they would be applied after this many days."""
    from local.cloud import lifecycle  # noqa: PLC0415 - after the server's start

    lifecycle.sweep(time.time() + days * DAY)


def bucket_of_a_template(cloud: Cloud, **properties: Any) -> str:
    name = f"expires-{uuid.uuid4().hex[:12]}"
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, **properties}}
    kept = {"Type": "Number", "Default": 3}
    body = json.dumps({"Parameters": {"Kept": kept}, "Resources": {"B": bucket}})
    stacks = cloud.client("cloudformation")
    stacks.create_stack(StackName=name, TemplateBody=body)
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    return name


def rules(*given: dict[str, Any]) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", **each} for each in given]}}


def keys(cloud: Cloud, bucket: str) -> set[str]:
    found = cloud.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
    return {each["Key"] for each in found}


def test_a_template_s_rules_reach_the_bucket_and_its_objects_expire(cloud: Cloud) -> None:
    rule = {"Id": "x", "ExpirationInDays": {"Ref": "Kept"}}
    bucket, files = bucket_of_a_template(cloud, **rules(rule)), cloud.client("s3")
    stored = files.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [(each["ID"], each["Expiration"]["Days"]) for each in stored] == [("x", 3)]
    files.put_object(Bucket=bucket, Key="photo", Body=b"1")
    sweep(2.9)
    assert keys(cloud, bucket) == {"photo"}
    sweep(4)
    assert keys(cloud, bucket) == set()


def test_the_rules_of_a_request_are_applied_too(cloud: Cloud) -> None:
    bucket, files = bucket_of_a_template(cloud), cloud.client("s3")
    for key in ("staging/a", "kept/a", "kept/tagged"):
        files.put_object(Bucket=bucket, Key=key, Body=b"1", Tagging=f"a={key[-1]}")
    tag = {"And": {"Prefix": "kept/", "Tags": [{"Key": "a", "Value": "d"}]}}
    given: Any = {"Rules": [
        {"Status": "Enabled", "Filter": {"Prefix": "staging/"}, "Expiration": {"Days": 1}},
        {"Status": "Enabled", "Filter": tag, "Expiration": {"Days": 1}},
        {"Status": "Disabled", "Filter": {}, "Expiration": {"Days": 1}},
    ]}  # fmt: skip
    files.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=given)
    sweep(2)
    assert keys(cloud, bucket) == {"kept/a"}


def test_a_version_goes_after_it_was_replaced_and_a_marker_when_it_hides_nothing(
    cloud: Cloud,
) -> None:
    rule = {"ExpirationInDays": 10, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}
    bucket = bucket_of_a_template(
        cloud, VersioningConfiguration={"Status": "Enabled"}, **rules(rule)
    )
    files = cloud.client("s3")
    for body in (b"1", b"2"):
        files.put_object(Bucket=bucket, Key="photo", Body=body)

    def versions() -> tuple[int, int]:
        found = files.list_object_versions(Bucket=bucket)
        return len(found.get("Versions", [])), len(found.get("DeleteMarkers", []))

    sweep(2)
    assert versions() == (1, 0)
    sweep(11)
    assert (keys(cloud, bucket), versions()) == (set(), (1, 1)), "the marker is of today"
    sweep(12)
    assert versions() == (0, 0)


def test_an_upload_that_nobody_completes_is_aborted(cloud: Cloud) -> None:
    rule = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    bucket, files = bucket_of_a_template(cloud, **rules(rule)), cloud.client("s3")
    files.create_multipart_upload(Bucket=bucket, Key="large")
    sweep(0)
    assert len(files.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
    sweep(2)
    assert "Uploads" not in files.list_multipart_uploads(Bucket=bucket)


def test_a_removed_rule_is_removed_from_the_bucket(cloud: Cloud) -> None:
    bucket = bucket_of_a_template(cloud, **rules({"ExpirationInDays": 1}))
    stacks, files = cloud.client("cloudformation"), cloud.client("s3")
    resource = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}}
    body = json.dumps({"Resources": {"B": resource}})
    stacks.update_stack(StackName=bucket, TemplateBody=body)
    stacks.get_waiter("stack_update_complete").wait(StackName=bucket, WaiterConfig={"Delay": 1})
    with pytest.raises(files.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        files.get_bucket_lifecycle_configuration(Bucket=bucket)


def test_the_event_of_an_expired_object_says_so(cloud: Cloud) -> None:
    notify: dict[str, Any] = {"NotificationConfiguration": {"EventBridgeConfiguration": {}}}
    bucket = bucket_of_a_template(cloud, **rules({"ExpirationInDays": 1}), **notify)
    events, queues = cloud.client("events"), cloud.client("sqs")
    url = queues.create_queue(QueueName=bucket)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Deleted"]}
    events.put_rule(Name=bucket, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=bucket, Targets=[{"Id": "1", "Arn": arn["QueueArn"]}])
    cloud.client("s3").put_object(Bucket=bucket, Key="photo", Body=b"1")
    sweep(3)
    found = eventually(lambda: queues.receive_message(QueueUrl=url).get("Messages"))
    detail = json.loads(found[0]["Body"])["detail"]
    assert (detail["object"]["key"], detail["reason"]) == ("photo", "Lifecycle Expiration")


@pytest.mark.parametrize("hours", [0, 12, 23.9])
def test_the_end_of_an_object_is_rounded_up_to_midnight(cloud: Cloud, hours: float) -> None:
    assert cloud
    from local.cloud import lifecycle  # noqa: PLC0415 - after the server's start

    created = datetime(2026, 11, 28, tzinfo=UTC) + timedelta(hours=hours)
    due = lifecycle._due(created.isoformat(), {"Days": 3})  # noqa: SLF001
    days = 3 if hours == 0 else 4
    assert due == (datetime(2026, 11, 28, tzinfo=UTC) + timedelta(days=days)).timestamp()
