"""The secret that the marks of drawn pictures are derived from."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

MISSING = "ResourceNotFoundException"


def check_marks_secret(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find a secret that is gone, or will be soon: the endpoint does not start without it."""
    given = deployment.value("MarksSecretArn", "none")
    secret = deployment.resources.get("MarksSecret", "") if given == "none" else given
    if not secret:
        return
    try:
        found = account.ask("secretsmanager", "describe_secret", SecretId=secret)
    except ClientError as error:
        if code_in(error) != MISSING:
            raise
        yield find(deployment, "marks_secret_missing", secret)
        return
    if "DeletedDate" in found:
        yield find(deployment, "marks_secret_deleted", secret)
