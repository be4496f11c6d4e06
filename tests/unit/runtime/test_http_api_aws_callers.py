"""Callers with AWS credentials: the tenant is in the path that IAM let them use."""

from typing import Any

import pytest

from tests.unit.runtime.api_kit import APP, services

KNOWN = {"userId": "AROAEXAMPLE:session-7", "userArn": "arn:aws:sts::1:assumed-role/x/session-7"}


def answer(path: str, identity: dict[str, Any] | None, method: str = "GET") -> dict[str, Any]:
    context: dict[str, Any] = {
        "requestId": "r1",
        "http": {"method": method, "path": path},
        "stage": "$default",
    }
    if identity is not None:
        context["authorizer"] = identity
    event = {"version": "2.0", "rawPath": path, "headers": {}, "requestContext": context}
    return APP.answer(event, services())


def test_the_tenant_is_the_one_of_the_path() -> None:
    found = answer("/iam/acme/v1/me", {"iam": KNOWN})
    assert found["statusCode"] == 200
    assert '"tenant":"acme"' in found["body"]
    assert '"subject":"iam:AROAEXAMPLE"' in found["body"]
    assert "admin" not in found["body"]


@pytest.mark.parametrize(
    "identity", [None, {}, {"iam": None}, {"iam": {}}, {"lambda": {"tenant": "acme"}}]
)
def test_an_address_with_a_tenant_needs_a_checked_signature(
    identity: dict[str, Any] | None,
) -> None:
    assert answer("/iam/acme/v1/models", identity)["statusCode"] == 401


@pytest.mark.parametrize(
    "path",
    ["/v1/models", "/iam//v1/models", "/iam/a/b/v1/models", "/iam/../v1/models", "/iam/a%2fb/v1/x",
     "/iam/acme", "/iam/acme/v2/models", "/IAM/acme/v1/models", "//iam/acme/v1/models",
     f"/iam/{'a' * 65}/v1/models"],
)  # fmt: skip
def test_a_signature_counts_for_no_other_address(path: str) -> None:
    assert answer(path, {"iam": KNOWN})["statusCode"] == 401


def test_no_key_is_made_for_credentials_that_end() -> None:
    assert answer("/iam/acme/v1/keys", {"iam": KNOWN})["statusCode"] == 403
