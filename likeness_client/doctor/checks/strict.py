"""What the strict profile needs of the account: network, key, boundary, log bucket, concurrency.

Nothing is asked where none of the profile's parameters is given (docs/strict.md).
"""

import json
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.checks.keys import allows
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

GATEWAYS = ("s3", "dynamodb")
"""Services with a gateway endpoint, which costs nothing."""

INTERFACES = (
    *("sagemaker.api", "sagemaker.runtime", "states", "lambda", "sns", "sqs", "events", "logs"),
    *("monitoring", "kms", "secretsmanager", "cloudformation", "cognito-idp", "xray", "ecr.api"),
    "ecr.dkr",
)
"""Services that functions, training jobs and the endpoint call, by the end of the endpoint's name;
tests/contract/test_doctor.py compares them with docs/strict.md."""

WRITERS = ("events.amazonaws.com", "cloudwatch.amazonaws.com", "budgets.amazonaws.com")
"""Services that write to the stack's topics and queues with the key, beside CloudWatch Logs."""

UNRESERVED = 100
"""Executions that Lambda keeps for functions without a reservation."""

LOG_WRITER = "logging.s3.amazonaws.com"


# ---- the network ---------------------------------------------------------------------------------


def check_network(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find subnets and security groups that cannot be used, and VPC endpoints that are missing."""
    wanted = deployment.parts("SubnetIds")
    if not wanted:
        return
    subnets = []
    for name in wanted:
        found = subnet(account, name)
        if found is None:
            yield find(deployment, "subnet_missing", name)
        else:
            subnets.append(found)
    vpcs = sorted({one["VpcId"] for one in subnets})
    if len(vpcs) > 1:
        yield find(deployment, "subnets_of_two_vpcs", ",".join(wanted), vpcs=", ".join(vpcs))
    if len({one["AvailabilityZone"] for one in subnets}) == 1:
        yield find(deployment, "subnets_in_one_zone", ",".join(wanted))
    if len(vpcs) == 1:
        yield from check_groups(deployment, account, vpcs[0])
        yield from check_endpoints(deployment, account, vpcs[0])


def subnet(account: Account, name: str) -> Mapping[str, Any] | None:
    """Return a subnet; None: there is none of this id."""
    try:
        found = account.ask("ec2", "describe_subnets", SubnetIds=[name])["Subnets"]
    except ClientError as error:
        if code_in(error) not in {"InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed"}:
            raise
        return None
    return found[0] if found else None


def check_groups(deployment: Deployment, account: Account, vpc: str) -> Iterator[Finding]:
    """Find security groups that do not exist, or are of another network."""
    for name in deployment.parts("SecurityGroupIds"):
        try:
            groups = account.ask("ec2", "describe_security_groups", GroupIds=[name])
        except ClientError as error:
            if code_in(error) not in {"InvalidGroup.NotFound", "InvalidGroupId.Malformed"}:
                raise
            yield find(deployment, "security_group_missing", name)
            continue
        for group in groups["SecurityGroups"]:
            if group["VpcId"] != vpc:
                yield find(deployment, "security_group_elsewhere", name, vpc=vpc)


def check_endpoints(deployment: Deployment, account: Account, vpc: str) -> Iterator[Finding]:
    """Find services that the network has no working endpoint for."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    found = list(account.ask_all("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=filters))
    for name in (*GATEWAYS, *INTERFACES):
        theirs = [one for one in found if is_for(one, deployment.region, name)]
        if not any(one["State"] == "available" for one in theirs):
            mend = command_for(deployment, vpc, name)
            yield find(deployment, "vpc_endpoint_missing", name, vpc=vpc, mend=mend)
        elif name in INTERFACES and not any(one.get("PrivateDnsEnabled") for one in theirs):
            endpoint = theirs[0]["VpcEndpointId"]
            yield find(deployment, "vpc_endpoint_without_dns", name, endpoint=endpoint)


def is_for(endpoint: Mapping[str, Any], region: str, name: str) -> bool:
    """Return whether a VPC endpoint leads to a service; its name begins with the partition's.

    >>> is_for({"ServiceName": "com.amazonaws.eu-west-1.ecr.api"}, "eu-west-1", "ecr.api")
    True
    """
    service: str = endpoint["ServiceName"]
    return service.endswith(f".{region}.{name}")


def command_for(deployment: Deployment, vpc: str, name: str) -> str:
    """Return the command that makes a VPC endpoint."""
    command = (
        f"aws ec2 create-vpc-endpoint --region {quote(deployment.region)} --vpc-id {quote(vpc)}"
        f" --service-name com.amazonaws.{deployment.region}.{name}"
    )
    if name in GATEWAYS:
        return f"{command} --vpc-endpoint-type Gateway --route-table-ids ROUTE_TABLES"
    subnets, groups = (
        " ".join(map(quote, deployment.parts(parameter)))
        for parameter in ("SubnetIds", "SecurityGroupIds")
    )
    return (
        f"{command} --vpc-endpoint-type Interface --private-dns-enabled --subnet-ids {subnets}"
        f" --security-group-ids {groups}"
    )


# ---- key, boundary, logs, concurrency ------------------------------------------------------------


def check_key_writers(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find services that the stack's key does not let write."""
    key = deployment.value("KmsKeyArn")
    if f":{deployment.region}:" not in key:  # of another Region: the check of named keys says so
        return
    try:
        text = account.ask("kms", "get_key_policy", KeyId=key, PolicyName="default")["Policy"]
    except ClientError as error:
        if code_in(error) != "NotFoundException":
            raise
        return
    policy = json.loads(text)
    for service in (f"logs.{deployment.region}.amazonaws.com", *WRITERS):
        if not allows(policy, {service, "*"}, "kms:GenerateDataKey", kind="Service"):
            yield find(deployment, "key_closed_to_service", key, service=service)


def check_boundary(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find a permissions boundary that does not exist."""
    boundary = deployment.value("PermissionsBoundaryArn")
    if not boundary:
        return
    try:
        account.ask("iam", "get_policy", PolicyArn=boundary)
    except ClientError as error:
        if code_in(error) != "NoSuchEntity":
            raise
        yield find(deployment, "boundary_missing", boundary)


def check_access_logs(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find a bucket of access logs that does not exist, or that S3 may not write to."""
    bucket = deployment.value("AccessLogsBucket")
    if not bucket:
        return
    try:
        text = account.ask("s3", "get_bucket_policy", Bucket=bucket)["Policy"]
    except ClientError as error:
        if code_in(error) == "NoSuchBucket":
            yield find(deployment, "access_logs_bucket_missing", bucket)
            return
        if code_in(error) != "NoSuchBucketPolicy":
            raise
        text = '{"Statement": []}'
    if not allows(json.loads(text), {LOG_WRITER}, "s3:PutObject", kind="Service"):
        yield find(deployment, "access_logs_refused", bucket)


def check_reserved_concurrency(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find a reservation that the account's quota does not hold; before the deployment only."""
    if not deployment.is_strict or deployment.exists:
        return
    active = deployment.template.active(deployment.known)
    functions = sum(one["Type"] == "AWS::Lambda::Function" for _, one in active)
    each = int(deployment.number("ReservedConcurrency"))
    limits = account.ask("lambda", "get_account_settings")["AccountLimit"]
    free = limits["UnreservedConcurrentExecutions"] - UNRESERVED
    if functions * each > free:
        yield find(
            deployment, "concurrency_not_reserved", "ReservedConcurrency", functions=functions,
            each=each, needed=functions * each, free=max(0, free),
            wanted=functions * each + UNRESERVED,
        )  # fmt: skip
