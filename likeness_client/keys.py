"""``likeness keys``: an operator makes, lists and ends API keys, with AWS credentials of their own.

The first key of a tenant comes from here; with it, an owner makes others over the HTTP API.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key
from pydantic import ValidationError

from contracts.documents.api.callers import ApiKey, Mode, Scope
from contracts.documents.audit import OPERATOR, AuditEntry, about, row_of
from contracts.shared.layout.rows import api_key_row
from domain.callers.keys import has_ended, make_key
from likeness_client.aws_errors import CONFIG
from likeness_client.exit_codes import ExitCode
from likeness_client.stack import described

OUTPUT, AUDIT_OUTPUT = "ApiTableName", "AuditTableName"


class NoApiError(Exception):
    """The stack has no HTTP API: it does not exist, or is older than the API."""


class NotAKeyError(Exception):
    """The words of the command make no key, or name none."""


def create(  # noqa: PLR0913 - what a key is made of
    stack: str,
    tenant: str,
    name: str,
    scopes: Sequence[Scope],
    *,
    mode: Mode = "live",
    days: int | None = None,
) -> int:
    """Make a key and print it, once.

    Raises:
        NoApiError: the stack has no HTTP API.
        NotAKeyError: the tenant or the name is not valid.
    """
    table = table_of(stack)
    lifetime = None if days is None else timedelta(days=days)
    try:
        key = make_key(tenant, name, scopes, datetime.now(UTC), mode=mode, lifetime=lifetime)
    except ValidationError:
        raise NotAKeyError(
            "a tenant has letters, digits, - and _, at most 64, the first a letter or a digit;"
            " a name has 1 to 64 characters"
        ) from None
    row = {"row": api_key_row(key.stored.key_id)}
    table.put_item(Item=row | key.stored.model_dump(mode="json", exclude_none=True))
    write_down(stack, tenant, "key.made", key.stored.key_id)
    sys.stderr.write(f"key {key.stored.key_id} of {tenant}; its text is shown this once:\n")
    sys.stdout.write(f"{key.token}\n")
    return ExitCode.DONE


def show(stack: str, tenant: str) -> int:
    """Print one line for each key of a tenant, the newest first.

    Raises:
        NoApiError: the stack has no HTTP API.
    """
    query = {"IndexName": "tenant", "KeyConditionExpression": Key("tenant").eq(tenant)}
    found = table_of(stack).query(**query, ScanIndexForward=False)["Items"]
    for item in found:
        key = ApiKey.model_validate({name: item[name] for name in item if name != "row"})
        state = "ended" if has_ended(key, datetime.now(UTC)) else "valid"
        used = key.last_used_at or "never used"
        words = (key.key_id, state, key.mode, ",".join(key.scopes), used, repr(key.name))
        sys.stdout.write("  ".join(words) + "\n")
    return ExitCode.DONE


def revoke(stack: str, key_id: str) -> int:
    """End a key; API Gateway forgets it within a minute.

    Raises:
        NoApiError: the stack has no HTTP API.
        NotAKeyError: there is no such key.
    """
    table, now = table_of(stack), datetime.now(UTC).isoformat()
    row = {"row": api_key_row(key_id)}
    found = table.get_item(Key=row).get("Item")
    if found is None:
        raise NotAKeyError(f"there is no key {key_id!r}; `likeness keys list` shows a tenant's")
    table.update_item(
        Key=row,
        UpdateExpression="SET expires_at = :now, revoked_at = :now",
        ExpressionAttributeValues={":now": now},
    )
    write_down(stack, str(found["tenant"]), "key.ended", key_id)
    sys.stdout.write(f"{key_id} is refused within a minute\n")
    return ExitCode.DONE


def write_down(stack: str, tenant: str, action: str, key_id: str) -> None:
    """Put an entry into the stack's audit trail; a stack that is older than the trail has none."""
    outputs, parameters = _outputs_and_parameters(stack)
    if AUDIT_OUTPUT not in outputs:
        return
    entry = AuditEntry(
        entry_id=token_hex(12),
        at=datetime.now(UTC).isoformat(),
        who=OPERATOR,
        action=action,
        about=(about("key_id", key_id),),
    )
    table = boto3.resource("dynamodb", config=CONFIG).Table(outputs[AUDIT_OUTPUT])
    table.put_item(Item=row_of(tenant, entry, int(parameters["AuditRetentionDays"])))


def table_of(stack: str) -> Any:  # noqa: ANN401 - a boto3 Table
    """Return the table of the stack's API keys.

    Raises:
        NoApiError: the stack has none.
    """
    outputs, _ = _outputs_and_parameters(stack)
    if OUTPUT not in outputs:
        raise NoApiError(f"the stack {stack} has no HTTP API, or there is no such stack")
    return boto3.resource("dynamodb", config=CONFIG).Table(outputs[OUTPUT])


def _outputs_and_parameters(stack: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the stack's outputs and parameters; both are empty where there is no such stack."""
    found = described(boto3.client("cloudformation", config=CONFIG), stack) or {}
    return (
        {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
        {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])},
    )
