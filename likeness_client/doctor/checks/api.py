"""The HTTP API: every route asks who is calling, and people's accounts belong to the operators."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

API = "AWS::ApiGatewayV2::Api"
ROUTE = "AWS::ApiGatewayV2::Route"
AUTHORIZE = "AuthorizeFunction"
FOR_EVERYBODY = "NONE"
"""API Gateway's word for a route that asks nobody who they are."""

GONE = "NotFoundException"
POOL_GONE = "ResourceNotFoundException"
OPERATORS_ATTRIBUTES = {"custom:tenant", "custom:role"}
"""Attributes that decide what a person may do."""


def check_routes(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find an API that is gone, routes that are gone, and routes that let everybody in."""
    expected = expected_routes(deployment)
    for logical_id, api in deployment.of_type(API):
        found = items(account, "get_routes", api)
        if found is None:
            yield find(deployment, "api_missing", logical_id, api=api)
            continue
        callers = {one["RouteKey"]: one.get("AuthorizationType", FOR_EVERYBODY) for one in found}
        for route in sorted(expected.keys() - callers.keys()):
            yield find(deployment, "api_route_missing", route, api=api)
        for route, caller in sorted(callers.items()):
            if caller == FOR_EVERYBODY and expected.get(route) != FOR_EVERYBODY:
                yield find(deployment, "api_route_open", route, api=api)


def expected_routes(deployment: Deployment) -> dict[str, str]:
    """Return the kind of authorization of every route that the parameters switch on."""
    return {
        resource["Route"]: resource["Authorization"]
        for _, resource in deployment.template.active(deployment.known)
        if resource["Type"] == ROUTE
    }


def check_authorizer(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find an API that asks another function, or none, who is calling."""
    function = deployment.resources.get(AUTHORIZE, "")
    for logical_id, api in deployment.of_type(API):
        found = items(account, "get_authorizers", api)
        if found is None:
            continue
        asked = [one.get("AuthorizerUri", "") for one in found]
        if not any(f":function:{function}/invocations" in uri for uri in asked):
            yield find(deployment, "api_authorizer_missing", logical_id, function=function)


def items(account: Account, operation: str, api: str) -> list[dict[str, Any]] | None:
    """Return what an API has of a kind; None: there is no such API."""
    try:
        return list(account.ask_all("apigatewayv2", operation, "Items", ApiId=api))
    except ClientError as error:
        if code_in(error) != GONE:
            raise
        return None


def check_people(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find a user pool that is gone, or in which strangers make accounts."""
    for logical_id, pool in deployment.of_type("AWS::Cognito::UserPool"):
        try:
            found = account.ask("cognito-idp", "describe_user_pool", UserPoolId=pool)["UserPool"]
        except ClientError as error:
            if code_in(error) != POOL_GONE:
                raise
            yield find(deployment, "user_pool_missing", logical_id, pool=pool)
            continue
        if not found.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly"):
            yield find(deployment, "user_pool_open", logical_id, pool=pool)


def check_pages(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find a client of the user pool that is gone, or lets people choose their tenant."""
    pool = deployment.resources.get("UserPool", "")
    for logical_id, client in deployment.of_type("AWS::Cognito::UserPoolClient"):
        facts = {"pool": pool, "client": client}
        try:
            answer = account.ask(
                "cognito-idp", "describe_user_pool_client", UserPoolId=pool, ClientId=client
            )
        except ClientError as error:
            if code_in(error) != POOL_GONE:
                raise
            if pool_exists(account, pool):
                yield find(deployment, "user_pool_client_missing", logical_id, **facts)
            continue
        written = set(answer["UserPoolClient"].get("WriteAttributes", ()))
        for name in sorted(written & OPERATORS_ATTRIBUTES):
            yield find(deployment, "attribute_writable", name, **facts)


def pool_exists(account: Account, pool: str) -> bool:
    """Return whether there is a pool: without it, ``check_people`` has reported it already."""
    try:
        account.ask("cognito-idp", "describe_user_pool", UserPoolId=pool)
    except ClientError as error:
        if code_in(error) != POOL_GONE:
            raise
        return False
    return True
