"""What several checks need."""

from collections.abc import Mapping
from typing import Any

from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding, make_finding


def find(
    deployment: Deployment, code: str, subject: str, /, quote: str = "", **facts: object
) -> Finding:
    """Return a finding about this deployment; its texts know Region, stack and account."""
    known: dict[str, object] = {
        "region": deployment.region,
        "stack": deployment.stack,
        "account": deployment.account_id,
        "root": deployment.arn("iam", "root", regional=False),
    }
    return make_finding(code, subject, quote, **{**known, **facts})


def switched_off(block: Mapping[str, Any]) -> str:
    """Return which parts of S3's Block Public Access are off, as words; empty: none is.

    >>> switched_off({"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True})
    'RestrictPublicBuckets'
    """
    parts = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return ", ".join(part for part in parts if not block.get(part))
