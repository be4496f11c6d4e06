"""The HTTP API of the deployed stack: keys, people, and nobody."""

import base64
import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple

from local.front_door import address, make_key
from tests.e2e.stack import Stack

PASSWORD = "Correct-horse-battery-9"


class Answer(NamedTuple):
    status: int
    body: Any


def ask(
    stack: Stack, path: str, token: str | None = None, method: str = "GET", body: object = None
) -> Answer:
    """Call the API as any client does."""
    request = urllib.request.Request(  # noqa: S310 - the laptop's own address
        address(stack.cloud, stack.outputs) + path,
        method=method,
        headers={} if token is None else {"Authorization": f"Bearer {token}"},
        data=None if body is None else json.dumps(body).encode(),
    )
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return Answer(answer.status, json.load(answer))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.load(error))


def signed_in(stack: Stack, name: str, tenant: str, role: str) -> str:
    """Return the ID token of a new person."""
    pool, cognito = stack.outputs["UserPoolId"], stack.cloud.client("cognito-idp")
    attributes = {"custom:tenant": tenant, "custom:role": role}
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=name,
        UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
    )
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True
    )
    answer = cognito.initiate_auth(
        ClientId=stack.outputs["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )
    return str(answer["AuthenticationResult"]["IdToken"])


def test_keys_and_people_are_let_in_and_nobody_else(stack: Stack) -> None:
    key = make_key(stack.cloud, "door")
    person = signed_in(stack, "someone@example.org", "door", "viewer")
    for token in (key, person):
        found = ask(stack, "/v1/models", token)
        assert found == (200, {"object": "list", "data": [], "next": None})
    head, claims, sign = person.split(".")
    payload = json.loads(base64.urlsafe_b64decode(claims + "=="))
    other = json.dumps(payload | {"custom:tenant": "victim"}).encode()
    forged = f"{head}.{base64.urlsafe_b64encode(other).decode().rstrip('=')}.{sign}"
    for token in ("x", key[:-1] + ("0" if key[-1] != "0" else "1"), forged):
        refused = ask(stack, "/v1/models", token)
        assert (refused.status, refused.body["code"]) == (401, "unauthorized")
    assert ask(stack, "/v1/models").status == 401
