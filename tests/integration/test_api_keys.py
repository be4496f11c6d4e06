"""domain.ports.api_keys.ApiKeys: the fake and the table of template.yaml behave alike."""

from datetime import UTC, datetime, timedelta

import pytest

from aws.api.api_keys import DynamoApiKeys
from contracts.documents.api.callers import ApiKey
from domain.callers.keys import make_key
from domain.ports.api_keys import ApiKeys
from tests.fakes.api_keys import MemoryApiKeys
from tests.integration.tables import table

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(params=["memory", "cloud", "moto"])
def keys(request: pytest.FixtureRequest) -> ApiKeys:
    if request.param == "memory":
        return MemoryApiKeys()
    return DynamoApiKeys(table(request.getfixturevalue(request.param), "ApiTable"))


def key(tenant: str, minutes: int = 0, days: int | None = None) -> ApiKey:
    lifetime = None if days is None else timedelta(days=days)
    made = NOON + timedelta(minutes=minutes)
    return make_key(tenant, "a server", ["read", "train"], made, lifetime=lifetime).stored


def test_a_key_is_found_by_its_id_and_by_its_tenant_only(keys: ApiKeys) -> None:
    first, second, other = key("acme"), key("acme", 5), key("globex")
    for one in (first, second, other):
        keys.add(one)
    assert keys.get(first.key_id) == first
    assert keys.get("0" * 16) is None
    assert keys.of("acme") == [second, first]
    assert keys.of("nobody") == []


def test_the_use_of_a_key_is_kept_and_makes_none(keys: ApiKeys) -> None:
    one = key("acme")
    keys.add(one)
    keys.used(one.key_id, NOON)
    keys.used("0" * 16, NOON)
    assert keys.get(one.key_id) == one.model_copy(update={"last_used_at": NOON.isoformat()})
    assert keys.get("0" * 16) is None


def test_a_key_ends_for_its_own_tenant_and_never_later_than_it_would(keys: ApiKeys) -> None:
    one = key("acme", days=1)
    keys.add(one)
    assert not keys.end(one.key_id, "globex", NOON, revoked=True)
    assert not keys.end("0" * 16, "acme", NOON, revoked=True)
    assert keys.end(one.key_id, "acme", NOON + timedelta(days=2), revoked=False)
    assert keys.get(one.key_id) == one
    assert keys.end(one.key_id, "acme", NOON, revoked=True)
    ended = {"expires_at": NOON.isoformat(), "revoked_at": NOON.isoformat()}
    assert keys.get(one.key_id) == one.model_copy(update=ended)
