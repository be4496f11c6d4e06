"""domain.ports.aliases: the fake and AWS behave alike; and large answers in the laptop's S3."""

import json
import urllib.request
import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from aws.api.aliases import DynamoAliases
from contracts.documents.api.aliases import Alias, Figures, Version
from contracts.shared.pictures.picture_places import tenant_hash
from domain.ports.aliases import Aliases, VersionKey
from local.cloud.server import REGION, Cloud
from serving.output.pictures_bucket import NoPictureError, Owner, S3Bucket
from tests.contract.files import template
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
    mine = {OLD: sums, NEW: Figures(failed=1)}
    assert aliases.all_figures("acme") == {"me": mine, "me-too": {OLD: drawn}}
    aliases.remove("acme", "me")
    assert aliases.get("acme", "me") is None
    assert aliases.figures("acme", "me") == {}
    assert aliases.figures("acme", "me-too") == {OLD: drawn}


def endpoint_s3(cloud: Cloud, bucket: str) -> Any:
    """Return S3 with what the endpoint's role may do in the uploads bucket, and no more."""
    (policy,) = template()["Resources"]["EndpointRole"]["Properties"]["Policies"]
    own = [
        one
        for one in policy["PolicyDocument"]["Statement"]
        if "${UploadsBucket.Arn}" in json.dumps(one["Resource"])
    ]
    places = json.loads(json.dumps(own).replace("${UploadsBucket.Arn}", f"arn:aws:s3:::{bucket}"))
    for one in places:
        found = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
        one["Resource"] = [place["Fn::Sub"] for place in found]
    iam, trust = cloud.client("iam"), {"Effect": "Allow", "Principal": {"AWS": "*"}}
    document = {"Version": "2012-10-17", "Statement": [trust | {"Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=bucket, AssumeRolePolicyDocument=json.dumps(document))
    allowed = json.dumps({"Version": "2012-10-17", "Statement": places})
    iam.put_role_policy(RoleName=bucket, PolicyName="own", PolicyDocument=allowed)
    given = cloud.client("sts").assume_role(RoleArn=arn["Role"]["Arn"], RoleSessionName="engine")
    return boto3.client(
        "s3",
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        config=Config(signature_version="s3v4"),
        aws_access_key_id=given["Credentials"]["AccessKeyId"],
        aws_secret_access_key=given["Credentials"]["SecretAccessKey"],
        aws_session_token=given["Credentials"]["SessionToken"],
    )


def test_the_endpoint_s_role_stores_links_and_finds_what_is_its_tenant_s_and_nothing_else(
    cloud: Cloud,
) -> None:
    name, acme = f"uploads-{uuid.uuid4().hex[:8]}", tenant_hash("acme")
    owner = cloud.client("s3")
    owner.create_bucket(Bucket=name)
    versions = {"Status": "Enabled"}
    owner.put_bucket_versioning(Bucket=name, VersioningConfiguration=versions)
    mine, photo = "tenants/acme/pictures/me.png", "tenants/acme/uploads/u1/me.png"
    for key in (mine, photo):
        owner.put_object(Bucket=name, Key=key, Body=b"me")
    s3 = endpoint_s3(cloud, name)
    bucket = S3Bucket(name, s3)
    (stored,) = bucket.store([b"a picture"], "png", Owner(acme, frozenset({OLD})))
    with urllib.request.urlopen(stored.link) as answer:  # noqa: S310 (the laptop's S3)
        assert (answer.read(), answer.headers["Content-Type"]) == (b"a picture", "image/png")
    assert bucket.read(stored.uri, acme, 99) == b"a picture"
    assert bucket.read(f"s3://{name}/{mine}", acme, 99) == b"me"
    for uri, tenant in ((stored.uri, "globex"), (f"s3://{name}/{mine}x", "acme")):
        with pytest.raises(NoPictureError):
            bucket.read(uri, tenant_hash(tenant), 99)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=name, Key=photo)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=name, Key=mine, Body=b"other")
    bucket.forget([stored])
    assert [one["Key"] for one in owner.list_object_versions(Bucket=name)["Versions"]] == [
        mine,
        photo,
    ]
