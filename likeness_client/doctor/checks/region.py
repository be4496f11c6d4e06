"""What the Region and the account offer."""

from collections.abc import Iterator
from shlex import quote

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find, switched_off
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

MENDS = {
    "AWS::Budgets::Budget": "sam deploy --stack-name {stack} --region {region}"
    " --parameter-overrides MonthlyBudgetUsd=0",
}
"""A command that leaves a resource type out, where the template can do without it."""

CONCURRENCY = 100
"""Functions at once below which uploads of one afternoon hinder each other; AWS's default is 1000,
and 10 in new accounts."""

SCALING_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"


def check_resource_types(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Ask CloudFormation of the Region for each resource type that the parameters switch on."""
    active = deployment.template.active(deployment.known)
    first = {resource["Type"]: logical_id for logical_id, resource in reversed(list(active))}
    for type_, logical_id in sorted(first.items()):
        if type_.startswith("Custom::"):
            continue
        try:
            account.ask("cloudformation", "describe_type", Type="RESOURCE", TypeName=type_)
        except ClientError as error:
            if code_in(error) != "TypeNotFoundException":
                raise
            otherwise = "# deploy in another Region: --region us-east-1 has every type"
            mend = MENDS.get(type_, otherwise).format(
                stack=quote(deployment.stack), region=quote(deployment.region)
            )
            yield find(deployment, "region_lacks_type", type_, logical_id=logical_id, mend=mend)


def check_lambda_concurrency(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find an account that runs only a few functions at once."""
    limits = account.ask("lambda", "get_account_settings")["AccountLimit"]
    unreserved = limits["UnreservedConcurrentExecutions"]
    if unreserved < CONCURRENCY:
        yield find(
            deployment,
            "lambda_concurrency_low",
            "Concurrent executions",
            unreserved=unreserved,
            needed=CONCURRENCY,
        )


def check_account_public_access(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find an account that lets buckets be public."""
    try:
        answer = account.ask(
            "s3control", "get_public_access_block", AccountId=deployment.account_id
        )
        missing = switched_off(answer["PublicAccessBlockConfiguration"])
    except ClientError as error:
        if code_in(error) != "NoSuchPublicAccessBlockConfiguration":
            raise
        missing = switched_off({})
    if missing:
        yield find(deployment, "account_public_access_open", deployment.account_id, missing=missing)


def check_service_roles(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find out whether the role exists that lets an endpoint grow."""
    if not deployment.holds("EndpointScales"):
        return
    try:
        account.ask("iam", "get_role", RoleName=SCALING_ROLE)
    except ClientError as error:
        if code_in(error) != "NoSuchEntity":
            raise
        yield find(deployment, "service_role_missing", SCALING_ROLE)
