"""A tenant's people over the HTTP API: who invites, changes and removes whom."""

from dataclasses import replace
from typing import Any

import pytest

from domain.ports.people import NoUserPoolError
from http_api.services import Services
from tests.fakes.members import MemoryPeople, member_id
from tests.unit.runtime.api_kit import ALL, call, context, services

ADA = {"email": "Ada@Example.org", "role": "member"}


class NoPool(MemoryPeople):
    """A stack whose people sign in elsewhere."""

    def of(self, tenant: str) -> list[Any]:  # noqa: ARG002
        raise NoUserPoolError


def invited(stores: Services, **changes: str) -> Any:
    return call(stores, "POST", "/v1/members", ADA | changes)


def test_a_person_is_invited_changed_and_removed() -> None:
    stores = services()
    made = invited(stores).body
    assert (made["email"], made["role"], made["status"]) == ("ada@example.org", "member", "invited")
    path = f"/v1/members/{made['id']}"
    assert call(stores, "POST", f"{path}:role", {"role": "owner"}).body["role"] == "owner"
    (listed,) = call(stores, "GET", "/v1/members").body["data"]
    assert (listed["id"], listed["role"]) == (made["id"], "owner")
    assert call(stores, "DELETE", path).body["id"] == made["id"]
    assert call(stores, "GET", "/v1/members").body["data"] == []
    assert call(stores, "DELETE", path).status == 404


def test_an_address_is_invited_once_by_a_tenant() -> None:
    stores = services()
    invited(stores)
    again = invited(stores)
    assert (again.status, again.body["code"]) == (409, "person_known")


def test_nobody_learns_that_an_address_signs_in_for_another_tenant() -> None:
    stores, globex = services(), context("globex", *ALL)
    invited(stores)
    answers = []
    for email in (ADA["email"], "new@example.org"):
        made = call(stores, "POST", "/v1/members", ADA | {"email": email}, who=globex)
        one = f"/v1/members/{made.body['id']}"
        again = call(stores, "POST", "/v1/members", ADA | {"email": email}, who=globex)
        role = call(stores, "POST", f"{one}:role", {"role": "owner"}, who=globex)
        listed = call(stores, "GET", "/v1/members", who=globex)
        gone = call(stores, "DELETE", one, who=globex)
        seen = [made, role, *(one.body | {"id": "", "created_at": ""} for one in (made, role))]
        answers.append(
            [made.status, again.status, role.status, listed.body["data"][0]["status"], gone.status]
            + [sorted(one) if isinstance(one, dict) else one.status for one in seen]
        )
    assert answers[0] == answers[1]
    assert stores.people.mailed == ["ada@example.org", "new@example.org"]  # type: ignore[attr-defined]
    assert len(stores.people.of("acme")) == 1


@pytest.mark.parametrize(
    "change", [{"email": "ada"}, {"email": "a b@c.de"}, {"role": "operator"}, {"tenant": "globex"}]
)
def test_a_person_who_cannot_sign_in_is_not_invited(change: dict[str, str]) -> None:
    stores = services()
    assert (invited(stores, **change).status, stores.people.of("acme")) == (422, [])


def test_nobody_changes_or_removes_themselves() -> None:
    stores = services()
    own = invited(stores, role="owner").body["id"]
    who = context("acme", *ALL) | {"subject": f"person:{own}"}
    for method, path, body in (
        ("POST", f"/v1/members/{own}:role", {"role": "viewer"}),
        ("DELETE", f"/v1/members/{own}", None),
    ):
        answer = call(stores, method, path, body, who=who)
        assert (answer.status, answer.body["code"]) == (403, "forbidden")
    assert stores.people.find("acme", own).role == "owner"  # type: ignore[union-attr]


def test_only_admins_see_people() -> None:
    stores = services()
    invited(stores)
    who = context("acme", "read", "train", "draw", "erase")
    one = f"/v1/members/{member_id(1)}"
    doors: list[tuple[str, str, object]] = [
        ("GET", "/v1/members", None), ("POST", "/v1/members", ADA),
        ("POST", f"{one}:role", {"role": "owner"}), ("DELETE", one, None),
    ]  # fmt: skip
    for method, path, body in doors:
        assert call(stores, method, path, body, who=who).status == 403


def test_a_stack_without_a_user_pool_says_where_people_sign_in() -> None:
    answer = call(replace(services(), people=NoPool()), "GET", "/v1/members")
    assert (answer.status, answer.body["code"]) == (409, "no_user_pool")


def test_a_mock_key_invites_nobody() -> None:
    stores = services()
    answer = call(stores, "POST", "/v1/members", ADA, who=context("acme", *ALL, mode="mock"))
    assert (answer.status, answer.body["email"]) == (200, "ada@example.org")
    assert stores.people.of("acme") == []
