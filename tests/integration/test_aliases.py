"""domain.ports.aliases: the fake and AWS behave alike; and large answers in the laptop's S3."""

import urllib.request
import uuid

import boto3
import pytest
from botocore.config import Config

from aws.aliases import DynamoAliases
from contracts.documents.api.aliases import Alias, Figures, Version
from contracts.shared.picture_places import tenant_hash
from domain.ports.aliases import Aliases, VersionKey
from local.cloud.server import REGION, Cloud
from serving.output.pictures_bucket import NoPictureError, Owner, S3Bucket
from tests.fakes.aliases import MemoryAliases
from tests.integration.tables import table

OLD, NEW = "1" * 32, "2" * 32


@pytest.fixture(params=["memory", "cloud", "moto"])
def aliases(request: pytest.FixtureRequest) -> Aliases:
    if request.param == "memory":
        return MemoryAliases()
    return DynamoAliases(table(request.getfixturevalue(request.param), "ApiTable"))


def alias(name: str = "me", tenant: str = "acme", minute: int = 0) -> Alias:
    at = f"2026-11-29T12:{minute:02d}:00+00:00"
    versions = (Version(model_id=OLD, weight=0.9), Version(model_id=NEW, weight=0.1))
    return Alias(tenant=tenant, name=name, versions=versions, created_at=at, updated_at=at)


def test_an_alias_is_stored_and_found_by_its_tenant(aliases: Aliases) -> None:
    for one in (alias(), alias("later", minute=1), alias(tenant="acme2")):
        aliases.put(one)
    assert aliases.get("acme", "me") == alias()
    assert aliases.get("acme", "other") is None
    assert [one.name for one in aliases.of("acme")] == ["later", "me"]
    changed = alias().model_copy(update={"versions": (Version(model_id=NEW, weight=1),)})
    aliases.put(changed)
    assert aliases.get("acme", "me") == changed


def test_figures_are_sums_and_go_with_their_alias(aliases: Aliases) -> None:
    drawn = Figures(drawn=1, pictures=2, milliseconds=1500, by_seconds=(0, 1, 0, 0, 0, 0, 0, 0))
    key, other = VersionKey("acme", "me", OLD), VersionKey("acme", "me", NEW)
    aliases.put(alias())
    for more in (drawn, drawn, Figures(refused=1), Figures(ratings=1, stars=5), Figures(stars=-2)):
        aliases.add(key, more)
    aliases.add(other, Figures(failed=1))
    aliases.add(VersionKey("acme", "me-too", OLD), drawn)
    sums = Figures(
        drawn=2, pictures=4, milliseconds=3000, by_seconds=(0, 2, 0, 0, 0, 0, 0, 0),
        refused=1, ratings=1, stars=3,
    )  # fmt: skip
    assert aliases.figures("acme", "me") == {OLD: sums, NEW: Figures(failed=1)}
    aliases.remove("acme", "me")
    assert aliases.get("acme", "me") is None
    assert aliases.figures("acme", "me") == {}
    assert aliases.figures("acme", "me-too") == {OLD: drawn}


def test_the_link_of_a_large_answer_needs_no_rights_and_its_address_the_tenant(
    cloud: Cloud,
) -> None:
    name, acme = f"uploads-{uuid.uuid4().hex[:8]}", tenant_hash("acme")
    cloud.client("s3").create_bucket(Bucket=name)
    given = cloud.credentials()
    config = Config(signature_version="s3v4")
    s3 = boto3.client(
        "s3", endpoint_url=cloud.endpoint_url, region_name=REGION, config=config, **given
    )
    bucket = S3Bucket(name, s3)
    (stored,) = bucket.store([b"a picture"], "png", Owner(acme, frozenset({OLD})))
    with urllib.request.urlopen(stored.link) as answer:  # noqa: S310 (the laptop's S3)
        assert (answer.read(), answer.headers["Content-Type"]) == (b"a picture", "image/png")
    assert bucket.read(stored.uri, acme, 99) == b"a picture"
    with pytest.raises(NoPictureError):
        bucket.read(stored.uri, tenant_hash("globex"), 99)
    bucket.forget([stored])
    with pytest.raises(NoPictureError):
        bucket.read(stored.uri, acme, 99)
