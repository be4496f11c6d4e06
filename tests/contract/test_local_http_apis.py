"""The laptop's HTTP APIs answer a browser's preflight where API Gateway does, and nowhere else."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.cloud.server import Cloud

PAGE = "https://studio.example.org"


def preflight(cloud: Cloud, api: str) -> tuple[int, str | None]:
    """Return what a browser hears before a page's call: the status, and which page may call."""
    request = urllib.request.Request(  # noqa: S310 - the laptop's own address
        f"{cloud.endpoint_url}/_aws/execute-api/{api}/$default/v1/models",
        headers={"Origin": PAGE, "Access-Control-Request-Method": "GET"},
        method="OPTIONS",
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.headers.get("Access-Control-Allow-Origin")
    except urllib.error.HTTPError as error:
        return error.code, None


def test_a_route_of_every_method_that_asks_for_a_caller_refuses_preflights(cloud: Cloud) -> None:
    gateway = cloud.client("apigatewayv2")
    api = gateway.create_api(
        Name="pages", ProtocolType="HTTP",
        CorsConfiguration={"AllowOrigins": [PAGE], "AllowMethods": ["GET"]},
    )["ApiId"]  # fmt: skip
    assert preflight(cloud, api) == (204, PAGE)
    path = "/v1/{proxy+}"
    gateway.create_route(ApiId=api, RouteKey=f"ANY {path}", AuthorizationType="AWS_IAM")
    assert preflight(cloud, api) == (401, None)
    gateway.create_route(ApiId=api, RouteKey=f"OPTIONS {path}", AuthorizationType="NONE")
    assert preflight(cloud, api) == (204, PAGE)
    gateway.delete_api(ApiId=api)
