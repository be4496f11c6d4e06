"""domain.ports.people: the fake and the user pool of template.yaml behave alike."""

from collections.abc import Iterator
from typing import Any

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


@pytest.fixture(params=["memory", "cloud"])
def people(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryPeople()
    else:
        cloud: Cloud = request.getfixturevalue("cloud")
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
