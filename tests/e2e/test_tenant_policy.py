"""TenantPolicy in the deployed stack: what servers with AWS credentials may do.

Each door is tried by its owner, by the other tenant and by somebody without a tag.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.cloud.server import REGION
from local.front_door import address
from tests.e2e.stack import Stack

JOB = "a" * 32
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


class Answer(NamedTuple):
    status: int
    body: Any


class Server(NamedTuple):
    """A program with the credentials of a role."""

    stack: Stack
    session: Any

    def client(self, service: str) -> Any:
        retries = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return self.session.client(
            service, endpoint_url=self.stack.cloud.endpoint_url, config=retries
        )

    def ask(self, path: str, method: str = "GET", body: object = None) -> Answer:
        """Call the API with a signature."""
        url = address(self.stack.cloud, self.stack.outputs) + path
        data = None if body is None else json.dumps(body).encode()
        signed = AWSRequest(method, url, {"Content-Type": "application/json"}, data)
        SigV4Auth(self.session.get_credentials(), "execute-api", REGION).add_auth(signed)
        return sent(url, method, dict(signed.headers.items()), data)


def sent(url: str, method: str, headers: dict[str, str], data: bytes | None) -> Answer:
    """Send a request; return status and document."""
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the laptop
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return Answer(answer.status, json.load(answer))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.load(error))


def server(
    stack: Stack, name: str, tags: dict[str, str], policy: dict[str, Any] | None = None
) -> Server:
    """Return a server whose role has the stack's TenantPolicy, and perhaps another policy."""
    iam, sts = stack.cloud.client("iam"), stack.cloud.client("sts")
    role = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(TRUST),
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )["Role"]
    iam.attach_role_policy(RoleName=name, PolicyArn=stack.outputs["TenantPolicyArn"])
    if policy is not None:
        iam.put_role_policy(RoleName=name, PolicyName="more", PolicyDocument=json.dumps(policy))
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    session = boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], REGION
    )
    return Server(stack, session)


@pytest.fixture(scope="module")
def servers(stack: Stack) -> dict[str, Server]:
    return {
        "a": server(stack, "server-a", {"tenant": "policy-a"}),
        "b": server(stack, "server-b", {"tenant": "policy-b"}),
        "nobody": server(stack, "server-nobody", {}),
        "star": server(stack, "server-star", {"tenant": "*"}),
        "mighty b": server(stack, "server-mighty", {"tenant": "policy-b"}, EVERYTHING),
        "model a": server(stack, "server-model", {"tenant": "policy-a", "model": JOB}),
    }


def is_denied(call: Callable[..., Any], **arguments: Any) -> bool:
    """Return whether IAM refuses a call; whatever else may go wrong with it is no refusal."""
    try:
        call(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return code in {"AccessDenied", "AccessDeniedException", "403"}
    return False


def test_a_server_reaches_its_own_tenants_files_and_no_others(
    stack: Stack, servers: dict[str, Server]
) -> None:
    bucket = stack.outputs["UploadsBucketName"]
    for name, server in servers.items():
        s3 = server.client("s3")
        own = name in {"a", "model a"}
        for key in ("uploads/u1/photo.jpg", "pictures/p1/000.png"):
            place = {"Bucket": bucket, "Key": f"tenants/policy-a/{key}"}
            assert is_denied(s3.put_object, **place, Body=b"x") is not own, name
            assert is_denied(s3.get_object, **place) is not own, name
        listed = {"Bucket": bucket, "Prefix": "tenants/policy-a/"}
        assert is_denied(s3.list_objects_v2, **listed) is not (own or name == "mighty b"), name
        for key in ("tenants/policy-ab/uploads/u/x", "accepted/x", "unpacked/policy-a/u/0"):
            assert is_denied(s3.put_object, Bucket=bucket, Key=key, Body=b"x"), (name, key)
        models = stack.outputs["ModelsBucketName"]
        assert is_denied(s3.get_object, Bucket=models, Key=f"training/{JOB}/x"), name
    s3 = stack.cloud.client("s3")
    for key in ("uploads/u1/photo.jpg", "pictures/p1/000.png"):
        s3.delete_object(Bucket=bucket, Key=f"tenants/policy-a/{key}")


def test_a_server_reads_its_own_tenants_rows_and_no_others(
    stack: Stack, servers: dict[str, Server]
) -> None:
    models = stack.outputs["ModelsTableName"]
    named = {
        "KeyConditionExpression": "#t = :t",
        "ExpressionAttributeNames": {"#t": "tenant"},
        "ExpressionAttributeValues": {":t": {"S": "policy-a"}},
    }
    key = {"tenant": {"S": "policy-a"}, "model_id": {"S": JOB}}
    other = {"tenant": {"S": "policy-c"}, "model_id": {"S": JOB}}
    for name, server in servers.items():
        table = server.client("dynamodb")
        own = name in {"a", "model a"}
        assert is_denied(table.query, TableName=models, **named) is not own, name
        assert is_denied(table.get_item, TableName=models, Key=key) is not own, name
        assert is_denied(table.get_item, TableName=models, Key=other), name
        asked = {models: {"Keys": [key, other]}}
        assert is_denied(table.batch_get_item, RequestItems=asked), name
        assert is_denied(table.scan, TableName=models), name
        assert is_denied(table.put_item, TableName=models, Item=key), name
        for forbidden in ("JobsTableName", "ApiTableName"):
            assert is_denied(table.scan, TableName=stack.outputs[forbidden]), name


def test_a_server_calls_the_api_as_its_own_tenant_and_as_no_other(
    servers: dict[str, Server],
) -> None:
    empty = Answer(200, {"object": "list", "data": [], "next": None})
    for name, server in servers.items():
        own = name in {"a", "model a"}
        found = server.ask("/iam/policy-a/v1/models")
        assert (found == empty) is own, (name, found)
        there = server.ask("/iam/policy-c/v1/models")  # nobody's
        assert there.status == 403, name
        assert own or found == there, "not yours and not there are one answer"
    a, b = servers["a"], servers["b"]
    assert a.ask("/iam/policy-a/v1/me").body["tenant"] == "policy-a"
    for path in (
        "/iam/policy-b/v1/models/iam/policy-a/v1/models",
        "/iam/policy-b%2f..%2fpolicy-a/v1/models",
        "/iam/%70olicy-b/v1/models",
        "/iam/policy-a/../policy-b/v1/models",
        "/v1/models",
    ):
        assert a.ask(path).status in {401, 403, 404}, path
    assert b.ask(f"/iam/policy-b/v1/jobs/{JOB}:cancel", "POST").body["code"] == "not_found"
    assert b.ask("/iam/policy-b/v1/keys", "POST", {"name": "k", "scopes": ["read"]}).status == 403
    assert b.ask("/iam/policy-b/v1/me", "DELETE").status == 403


def test_a_made_up_signature_is_nobodys(stack: Stack, servers: dict[str, Server]) -> None:
    known = servers["a"].session.get_credentials()
    for secret, token in (("wrong" * 8, known.token), (known.secret_key, "wrong")):
        session = boto3.Session(known.access_key, secret, token, REGION)
        assert Server(stack, session).ask("/iam/policy-a/v1/models").status == 403
    url = address(stack.cloud, stack.outputs) + "/iam/policy-a/v1/models"
    assert sent(url, "GET", {}, None).status == 403
    assert sent(url, "GET", {"Authorization": "Bearer lk_live_x"}, None).status in {401, 403}


def test_no_tenant_invokes_a_function_or_a_model_that_its_role_does_not_name(
    stack: Stack, servers: dict[str, Server]
) -> None:
    for name, server in servers.items():
        functions, runtime = server.client("lambda"), server.client("sagemaker-runtime")
        question = json.dumps({"tenant": "policy-a"})
        for output in ("ModelStatusFunctionName", "CancelFunctionName", "EraseFunctionName"):
            refused = {"FunctionName": stack.outputs[output], "Payload": question}
            assert is_denied(functions.invoke, **refused), (name, output)
        for job, allowed in ((JOB, name == "model a"), ("b" * 32, False)):
            wanted = {
                "EndpointName": stack.outputs["EndpointName"],
                "TargetModel": f"{job}-{'0' * 12}.tar.gz",
                "Body": b"{}",
            }
            assert is_denied(runtime.invoke_endpoint, **wanted) is not allowed, (name, job)
