"""The stack's tables: usable, with their stream, and restorable."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

TABLE = "AWS::DynamoDB::Table"
WITH_STREAM = "JobsTable"
MISSING = {"ResourceNotFoundException", "TableNotFoundException"}


def check_tables(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find tables that are gone or cannot be used, and a jobs table without its stream."""
    for logical_id, table in deployment.of_type(TABLE):
        try:
            found = account.ask("dynamodb", "describe_table", TableName=table)["Table"]
        except ClientError as error:
            if code_in(error) not in MISSING:
                raise
            found = {"TableStatus": "gone"}
        state = found["TableStatus"]
        if state not in {"ACTIVE", "UPDATING"}:
            yield find(deployment, "table_not_active", logical_id, table=table, state=state)
        elif logical_id == WITH_STREAM and not found.get("StreamSpecification", {}).get(
            "StreamEnabled"
        ):
            yield find(deployment, "table_without_stream", logical_id, table=table)


def check_recovery(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find tables that cannot be restored to an earlier second."""
    for logical_id, table in deployment.of_type(TABLE):
        try:
            answer = account.ask("dynamodb", "describe_continuous_backups", TableName=table)
        except ClientError as error:
            if code_in(error) not in MISSING:
                raise
            continue
        recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            yield find(deployment, "table_without_recovery", logical_id, table=table)
