"""The stack's buckets: private, versioned, and photos expire as promised."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find, switched_off
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

BUCKET = "AWS::S3::Bucket"
UPLOADS = "UploadsBucket"


def check_access(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find buckets that are gone, or that a policy could open to everybody."""
    for logical_id, bucket in deployment.of_type(BUCKET):
        try:
            answer = account.ask("s3", "get_public_access_block", Bucket=bucket)
            missing = switched_off(answer["PublicAccessBlockConfiguration"])
        except ClientError as error:
            if code_in(error) == "NoSuchBucket":
                yield find(deployment, "bucket_gone", logical_id, bucket=bucket)
                continue
            if code_in(error) != "NoSuchPublicAccessBlockConfiguration":
                raise
            missing = switched_off({})
        if missing:
            yield find(deployment, "bucket_open", logical_id, bucket=bucket, missing=missing)


def check_versions(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find out whether the uploads bucket keeps versions: requests pin their photos by them."""
    bucket = deployment.resources.get(UPLOADS)
    if not bucket:
        return
    try:
        answer = account.ask("s3", "get_bucket_versioning", Bucket=bucket)
    except ClientError as error:
        if code_in(error) != "NoSuchBucket":
            raise
        return
    if answer.get("Status") != "Enabled":
        state = answer.get("Status", "off")
        yield find(deployment, "bucket_unversioned", UPLOADS, bucket=bucket, state=state)


def check_retention(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find out whether photos expire after PhotoRetentionDays."""
    bucket = deployment.resources.get(UPLOADS)
    if not bucket:
        return
    try:
        rules = account.ask("s3", "get_bucket_lifecycle_configuration", Bucket=bucket)["Rules"]
    except ClientError as error:
        if code_in(error) == "NoSuchBucket":
            return
        if code_in(error) != "NoSuchLifecycleConfiguration":
            raise
        rules = []
    days, promised = expiry(rules), int(deployment.number("PhotoRetentionDays"))
    if days is None or days > promised:
        found = "never" if days is None else f"after {days} days"
        yield find(deployment, "photos_do_not_expire", UPLOADS, found=found, days=promised)


def expiry(rules: list[dict[str, Any]]) -> int | None:
    """Return the days after which every object expires; None: not every object does."""
    days = [
        rule["Expiration"]["Days"]
        for rule in rules
        if rule["Status"] == "Enabled"
        and "Days" in rule.get("Expiration", {})
        and not (rule.get("Prefix") or rule.get("Filter", {}).get("Prefix"))
    ]
    return min(days, default=None)
