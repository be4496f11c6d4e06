"""IAM of the embedded AWS: policy variables, and the condition keys of a tenant's policy."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.cloud.server import REGION, Cloud
from tests.cloud import EVERYTHING, role

TABLE = "policy-rows"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ],
}
OWN = "${aws:PrincipalTag/tenant}"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "dynamodb:*",
            "Resource": "*",
            "Condition": {
                "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [OWN]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        },
        {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::policy-files/{OWN}/*"},
    ],
}


def client(cloud: Cloud, service: str, name: str, path: str = "/", **tags: str) -> Any:
    """Return a client with a new role's session; the session has the tags."""
    iam, sts = cloud.client("iam"), cloud.client("sts")
    role = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(TRUST))[
        "Role"
    ]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(POLICY))
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="test", Tags=listed)["Credentials"]
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


@pytest.fixture(scope="module", autouse=True)
def _table(cloud: Cloud) -> None:
    names = [{"AttributeName": name, "AttributeType": "S"} for name in ("owner", "n", "friend")]
    cloud.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=names,
        KeySchema=[
            {"AttributeName": "owner", "KeyType": "HASH"},
            {"AttributeName": "n", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "friend",
                "KeySchema": [{"AttributeName": "friend", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    cloud.client("s3").create_bucket(Bucket="policy-files")


def is_allowed(call: Callable[..., Any], **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"AccessDenied", "AccessDeniedException"}:
            raise
        return False
    return True


def queried(owner: str, **more: Any) -> dict[str, Any]:
    values = {":o": {"S": owner}, ":n": {"S": "1"}}
    return {"TableName": TABLE, "ExpressionAttributeValues": values, **more}


def test_leading_keys_are_found_however_a_request_names_them(cloud: Cloud) -> None:
    rows = client(cloud, "dynamodb", "policy-rows-role", tenant="acme")
    for owner, allowed in (("acme", True), ("globex", False)):
        item = {"owner": {"S": owner}, "n": {"S": "1"}, "friend": {"S": "acme"}}
        key = {name: item[name] for name in ("owner", "n")}
        put = {"PutRequest": {"Item": item}}
        delete = {"DeleteRequest": {"Key": {**key, "n": {"S": "2"}}}}
        changed = {"Put": {"TableName": TABLE, "Item": item}}
        old = {"owner": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": owner}]}}
        tries: tuple[tuple[Callable[..., Any], dict[str, Any]], ...] = (
            (rows.put_item, {"TableName": TABLE, "Item": item}),
            (rows.get_item, {"TableName": TABLE, "Key": key}),
            (rows.batch_write_item, {"RequestItems": {TABLE: [put, delete]}}),
            (rows.batch_get_item, {"RequestItems": {TABLE: {"Keys": [key]}}}),
            (rows.transact_write_items, {"TransactItems": [changed]}),
            (rows.query, {"TableName": TABLE, "KeyConditions": old}),
            (
                rows.query,
                queried(
                    owner,
                    KeyConditionExpression="n = :n AND #who=:o",
                    ExpressionAttributeNames={"#who": "owner"},
                ),
            ),
        )
        for call, arguments in tries:
            assert is_allowed(call, **arguments) is allowed, (owner, arguments)
    by_index = {"IndexName": "friend", "KeyConditionExpression": "friend = :o"}
    values = {":o": {"S": "acme"}}
    assert is_allowed(rows.query, TableName=TABLE, ExpressionAttributeValues=values, **by_index)
    assert not is_allowed(rows.scan, TableName=TABLE)


def test_a_variable_is_the_callers_tag_and_nothing_else(cloud: Cloud) -> None:
    for number, (tags, allowed) in enumerate(
        (
            ({"tenant": "acme"}, True),
            ({"tenant": "globex"}, False),
            ({}, False),
            ({"tenant": "*"}, False),
        )
    ):
        files = client(cloud, "s3", f"policy-files-role-{number}", **tags)
        place = {"Bucket": "policy-files", "Key": "acme/x"}
        assert is_allowed(files.put_object, **place, Body=b"x") is allowed, tags


def policy_denies_others(cloud: Cloud, bucket: str) -> None:
    """Let a bucket refuse whoever is neither a role in a path nor a function of a stack."""
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {
            "ArnNotLike": {
                "lambda:SourceFunctionArn": f"arn:aws:lambda:{REGION}:000000000000:function:own-*",
                "aws:PrincipalArn": ["arn:aws:iam::1:role/x", "arn:aws:iam::*:role/own-path/*"],
            }
        },
    }
    cloud.client("s3").create_bucket(Bucket=bucket)
    document = {"Version": "2012-10-17", "Statement": [deny]}
    cloud.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def test_a_session_s_principal_arn_is_its_role_s_with_the_path(cloud: Cloud) -> None:
    bucket = "policy-principals"
    policy_denies_others(cloud, bucket)
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    for name, path in (("principal-in", "/own-path/"), ("own-path-principal-out", "/")):
        files = client(cloud, "s3", name, path)
        cloud.client("iam").put_role_policy(
            RoleName=name, PolicyName="all", PolicyDocument=json.dumps({"Statement": [statement]})
        )
        is_in = name == "principal-in"
        assert is_allowed(files.put_object, Bucket=bucket, Key="x", Body=b"x") is is_in, name


@pytest.mark.parametrize(("function", "allowed"), [("own-writer", True), ("other-writer", False)])
def test_a_function_s_calls_have_its_arn(cloud: Cloud, function: str, allowed: bool) -> None:
    bucket = f"policy-of-{function}"
    policy_denies_others(cloud, bucket)
    config = {
        "FunctionName": function,
        "FunctionArn": f"arn:aws:lambda:{REGION}:000000000000:function:{function}",
        "Role": role(cloud, f"{function}-role", EVERYTHING),
    }
    from ministack.core import lambda_runtime  # noqa: PLC0415 - its environment is set by now

    keys = lambda_runtime.execution_credentials(config)
    s3 = boto3.client(
        "s3",
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        **{name.lower(): value for name, value in keys.items()},
    )
    assert is_allowed(s3.put_object, Bucket=bucket, Key="x", Body=b"x") is allowed
