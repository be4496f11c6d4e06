"""Conditional writes to DynamoDB: how a refusal is told from a failure."""

from botocore.exceptions import ClientError


def was_refused(error: ClientError) -> bool:
    """Return whether a write was refused because its condition did not hold."""
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")
