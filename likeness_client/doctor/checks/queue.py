"""The queue: jobs that wait because SageMaker has refused their training job."""

from collections import Counter
from collections.abc import Iterator

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

TABLE = "JobsTable"


def check_refusals(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find queued jobs whose record keeps a sentence of AWS's."""
    table = deployment.resources.get(TABLE)
    if not table:
        return
    rows = account.ask_all(
        "dynamodb",
        "query",
        "Items",
        TableName=table,
        IndexName="queue",
        KeyConditionExpression="#queue = :queued",
        ProjectionExpression="refusal",
        ExpressionAttributeNames={"#queue": "queue"},
        ExpressionAttributeValues={":queued": {"S": "queued"}},
    )
    try:
        sentences = Counter(row["refusal"]["S"] for row in rows if "refusal" in row)
    except ClientError as error:
        if code_in(error) != "ResourceNotFoundException":
            raise
        return
    for sentence, count in sentences.most_common():
        yield find(deployment, "training_refused", table, quote=sentence, count=count)
