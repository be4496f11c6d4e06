"""domain.ports.people: the fake and the user pool of template.yaml behave alike."""

import hmac
import json
import struct
import time
from base64 import b32decode
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from aws.api.people import CognitoPeople
from domain.ports.people import NoUserPoolError, PersonKnownError
from local.cloud.server import Cloud
from tests.contract.files import template
from tests.fakes.members import MemoryPeople, member_id

NOBODY = member_id(999)


def pool_of(cloud: Cloud) -> str:
    """Make the pool that the template describes."""
    properties = dict(template()["Resources"]["UserPool"]["Properties"])
    wanted = {name: properties[name] for name in ("UsernameAttributes", "Schema", "Policies")}
    made = cloud.client("cognito-idp").create_user_pool(PoolName="people", **wanted)
    return str(made["UserPool"]["Id"])


@pytest.fixture(params=["memory", "cloud", "moto"])
def people(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryPeople()
    else:
        cloud: Cloud = request.getfixturevalue(request.param)
        yield CognitoPeople(pool_of(cloud), cloud.client("cognito-idp"))


def test_a_person_belongs_to_one_tenant(people: Any) -> None:
    assert people.of("acme") == []
    one = people.invite("acme", "ada@example.org", "member")
    assert (one.email, one.role, one.status) == ("ada@example.org", "member", "invited")
    with pytest.raises(PersonKnownError):
        people.invite("acme", "ada@example.org", "owner")
    people.invite("globex", "bob@example.org", "viewer")
    assert people.of("acme") == [one]
    assert people.find("acme", one.id) == one
    assert people.find("globex", one.id) is None
    assert people.find("acme", NOBODY) is None


def test_an_address_of_another_tenant_is_invited_for_the_eye_only(people: Any) -> None:
    one = people.invite("acme", "ada@example.org", "member")
    shown = people.invite("globex", "ada@example.org", "member")
    same = {"email": "ada@example.org", "role": "member", "status": "invited"}
    assert shown.model_dump(include=set(same)) == same
    assert shown.id != one.id
    assert (people.of("acme"), people.of("globex")) == ([one], [shown])
    with pytest.raises(PersonKnownError):
        people.invite("globex", "ada@example.org", "member")
    people.give_role(shown.id, "owner")
    assert (people.find("globex", shown.id).role, people.find("acme", one.id).role) == (
        "owner", "member",
    )  # fmt: skip
    people.remove(one.id)
    with pytest.raises(PersonKnownError):  # nor that it signs in nowhere else now
        people.invite("globex", "ada@example.org", "member")
    people.remove(shown.id)
    assert people.invite("globex", "ada@example.org", "member").email == "ada@example.org"


def test_a_role_is_changed_and_a_person_removed(people: Any) -> None:
    one = people.invite("acme", "ada@example.org", "viewer")
    people.give_role(one.id, "owner")
    assert people.find("acme", one.id).role == "owner"
    people.remove(one.id)
    people.remove(one.id)
    assert people.of("acme") == []
    assert people.invite("globex", "ada@example.org", "viewer").role == "viewer"


def test_an_erasure_takes_all_of_one_tenant(people: Any) -> None:
    for name in ("ada", "bob"):
        people.invite("acme", f"{name}@example.org", "viewer")
    other = people.invite("globex", "eve@example.org", "viewer")
    assert people.count("acme") == 2
    people.forget("acme")
    people.forget("acme")
    assert (people.count("acme"), people.of("globex")) == (0, [other])


def test_a_stack_without_a_pool_says_so_and_has_nobody_to_erase(cloud: Cloud) -> None:
    none = CognitoPeople(None, cloud.client("cognito-idp"))
    assert none.count("acme") == 0
    none.forget("acme")
    with pytest.raises(NoUserPoolError):
        none.of("acme")


def test_the_laptop_takes_any_password_at_the_first_sign_in(cloud: Cloud) -> None:
    cognito, pool = cloud.client("cognito-idp"), pool_of(cloud)
    flows = ["ALLOW_USER_PASSWORD_AUTH"]
    app = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="studio", ExplicitAuthFlows=flows
    )["UserPoolClient"]["ClientId"]
    ada = CognitoPeople(pool, cognito).invite("acme", "ada@example.org", "owner")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=ada.id, Password="First-password-1", Permanent=False
    )
    name = {"USERNAME": "ada@example.org"}
    asked = cognito.initiate_auth(
        ClientId=app,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters=name | {"PASSWORD": "First-password-1"},
    )
    answer = cognito.respond_to_auth_challenge(
        ClientId=app,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=asked["Session"],
        ChallengeResponses=name | {"NEW_PASSWORD": "short"},
    )
    assert answer["AuthenticationResult"]["IdToken"]
    assert CognitoPeople(pool, cognito).of("acme")[0].status == "active"


def ask_pool(cloud: Cloud, action: str, **body: object) -> tuple[int, dict[str, Any]]:
    """Ask as a browser does: with no signature."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AWSCognitoIdentityProviderService.{action}",
    }
    sent = json.dumps(body).encode()
    request = Request(f"{cloud.endpoint_url}/", sent, headers)  # noqa: S310 - our own address
    try:
        with urlopen(request) as answer:  # noqa: S310
            return 200, json.loads(answer.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


def digits(secret: str) -> str:
    """Return what an authenticator app shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    mac = hmac.digest(b32decode(secret + "=" * (-len(secret) % 8)), counter, "sha1")
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def studio_of(cloud: Cloud, pool: str) -> str:
    """Make the app client of template.yaml; return its id."""
    properties = template()["Resources"]["UserPoolClient"]["Properties"]
    names = ("ExplicitAuthFlows", "PreventUserExistenceErrors")
    wanted = {name: properties[name] for name in names}
    made = cloud.client("cognito-idp").create_user_pool_client(
        UserPoolId=pool, ClientName="studio", **wanted
    )
    return str(made["UserPoolClient"]["ClientId"])


def person_of(cloud: Cloud, password: str) -> tuple[str, dict[str, str]]:
    """Return the client and the name of a person who signs in with this password."""
    cognito, pool = cloud.client("cognito-idp"), pool_of(cloud)
    cognito.set_user_pool_mfa_config(
        UserPoolId=pool,
        MfaConfiguration=template()["Resources"]["UserPool"]["Properties"]["MfaConfiguration"],
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    one = CognitoPeople(pool, cognito).invite("acme", "mfa@example.org", "owner")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=one.id, Password=password, Permanent=True
    )
    return studio_of(cloud, pool), {"USERNAME": "mfa@example.org", "PASSWORD": password}


def test_the_laptop_asks_for_a_second_factor_once_it_is_set_up(cloud: Cloud) -> None:
    app, name = person_of(cloud, "Own-password-22")
    enter = {"ClientId": app, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": name}
    access = {
        "AccessToken": ask_pool(cloud, "InitiateAuth", **enter)[1]["AuthenticationResult"][
            "AccessToken"
        ]
    }
    secret = ask_pool(cloud, "AssociateSoftwareToken", **access)[1]["SecretCode"]
    status, wrong = ask_pool(cloud, "VerifySoftwareToken", **access, UserCode="000000")
    assert (status, wrong["__type"]) == (400, "EnableSoftwareTokenMFAException")
    assert ask_pool(cloud, "VerifySoftwareToken", **access, UserCode=digits(secret))[0] == 200
    on = {"SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}}
    assert ask_pool(cloud, "SetUserMFAPreference", **access, **on)[0] == 200
    assert ask_pool(cloud, "GetUser", **access)[1]["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
    asked = ask_pool(cloud, "InitiateAuth", **enter)[1]
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    challenge = {
        "ClientId": app,
        "ChallengeName": "SOFTWARE_TOKEN_MFA",
        "Session": asked["Session"],
    }
    answers = {}
    for code in ("000000", digits(secret)):
        given = {"USERNAME": name["USERNAME"], "SOFTWARE_TOKEN_MFA_CODE": code}
        status, found = ask_pool(
            cloud, "RespondToAuthChallenge", **challenge, ChallengeResponses=given
        )
        answers[status] = found
    assert answers[400]["__type"] == "CodeMismatchException"
    assert answers[200]["AuthenticationResult"]["IdToken"]


def test_the_laptop_resets_a_password_by_the_right_code_only(cloud: Cloud) -> None:
    app, name = person_of(cloud, "Own-password-22")
    who = {"ClientId": app, "Username": name["USERNAME"]}
    new = {"Password": "Another-password-3"}
    early = ask_pool(cloud, "ConfirmForgotPassword", **who, **new, ConfirmationCode="654321")
    assert (early[0], early[1]["__type"]) == (400, "ExpiredCodeException")
    assert ask_pool(cloud, "ForgotPassword", **who)[0] == 200
    wrong = ask_pool(cloud, "ConfirmForgotPassword", **who, **new, ConfirmationCode="000000")
    assert (wrong[0], wrong[1]["__type"]) == (400, "CodeMismatchException")
    nobody = {"ClientId": app, "Username": "nobody@example.org"}
    assert ask_pool(cloud, "ForgotPassword", **nobody)[0] == 200  # nobody learns who signs in
    stranger = ask_pool(cloud, "ConfirmForgotPassword", **nobody, **new, ConfirmationCode="000000")
    assert stranger == wrong
    right = ask_pool(cloud, "ConfirmForgotPassword", **who, **new, ConfirmationCode="654321")
    assert right[0] == 200
    given = {"USERNAME": name["USERNAME"], "PASSWORD": new["Password"]}
    enter = {"ClientId": app, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": given}
    assert ask_pool(cloud, "InitiateAuth", **enter)[1]["AuthenticationResult"]["IdToken"]
