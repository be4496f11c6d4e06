"""template.yaml works in every partition, and says beforehand where a Region lacks something."""

import importlib.util
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest

from aws.api.front_door import S3Signer
from aws.clients import forget_clients
from serving.output.pictures_bucket import S3Bucket, open_bucket
from tests.contract.files import MACHINES, ROOT, template

PARTITIONS = {"us-east-1": "aws", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}
"""A Region of each partition."""

SCHEMAS = "lib/python3.*/site-packages/cfnlint/data/schemas/providers/*.json"
ISOLATED = re.compile(r"us-iso|eu-isoe|eusc-")
"""Regions for which cfn-lint has a copy of us-east-1's list: nothing can be learnt from it."""

BUDGET = "AWS::Budgets::Budget"
USER_POOL = {"AWS::Cognito::UserPool", "AWS::Cognito::UserPoolClient"}
ENDPOINT = {f"AWS::SageMaker::{kind}" for kind in ("Endpoint", "EndpointConfig", "Model")}

PRINCIPAL = re.compile(r"[a-z]+\.amazonaws\.com")
RULES = template()["Rules"]


SIGNED = {
    "us-east-1": "photos.s3.amazonaws.com",
    "eu-west-1": "photos.s3.eu-west-1.amazonaws.com",
    "eu-south-1": "photos.s3.eu-south-1.amazonaws.com",
    "us-gov-west-1": "photos.s3.us-gov-west-1.amazonaws.com",
    "cn-north-1": "photos.s3.cn-north-1.amazonaws.com.cn",
}
"""The host of a bucket's signed addresses. S3's guide, "Request routing": the global name answers
400 for a bucket in a Region from after March 2019, and may redirect for a new one elsewhere."""


@cache
def expanded(region: str) -> dict[str, Any]:
    """The template as CloudFormation has it in a Region."""
    spec = importlib.util.spec_from_file_location("expand", ROOT / ".ci" / "expand_template.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", region)
        found: dict[str, Any] = module.expanded(region)
    return found


def texts(node: Any) -> Iterator[str]:
    """Every text in a part of a template."""
    if isinstance(node, str):
        yield node
    if isinstance(node, list | dict):
        for part in node.values() if isinstance(node, dict) else node:
            yield from texts(part)


@cache
def types_by_region() -> dict[str, set[str]]:
    """CloudFormation's resource types in each Region, as the pinned cfn-lint lists them."""
    files = {path.stem: path for path in (ROOT / ".venv" / "sam").glob(SCHEMAS)}
    found = {
        region: set(json.loads(path.read_text()))
        for region, path in files.items()
        if region != "sam" and not ISOLATED.match(region)
    }
    assert len(found) > 30
    return found


def types(resources: dict[str, Any]) -> set[str]:
    return {r["Type"] for r in resources.values() if not r["Type"].startswith("Custom::")}


@pytest.mark.parametrize("region", PARTITIONS)
def test_every_arn_is_of_the_partition(region: str) -> None:
    wanted = {"arn:${AWS::Partition}:", "arn:${Partition}:", f"arn:{PARTITIONS[region]}:"}
    found = {
        arn
        for text in texts(expanded(region))
        for arn in re.findall(r"arn:[^:]+(?:::[^:]+)?:", text)
    }
    assert found
    assert found <= wanted


@pytest.mark.parametrize("machine", MACHINES)
def test_a_state_machine_calls_the_services_of_its_partition(machine: str) -> None:
    assert "arn:aws" not in MACHINES[machine].read_text()
    name = "".join(word.capitalize() for word in machine.split("_"))
    properties = template()["Resources"][f"{name}StateMachine"]["Properties"]
    assert properties["DefinitionSubstitutions"]["Partition"] == {"Ref": "AWS::Partition"}


def test_only_service_principals_have_a_domain() -> None:
    domains = [text for text in texts(template()["Resources"]) if "amazonaws" in text]
    assert domains
    assert [text for text in domains if not PRINCIPAL.fullmatch(text)] == []


@pytest.mark.parametrize("region", sorted(types_by_region()))
def test_a_region_has_every_resource_or_a_rule_says_which_it_lacks(region: str) -> None:
    lacking = types(expanded("us-east-1")["Resources"]) - types_by_region()[region] - {BUDGET}
    (no_pool,) = RULES["UserPoolNeedsARegionWithUserPools"]["RuleCondition"].values()
    assert bool(lacking & USER_POOL) == (region in no_pool[0])
    lacking -= USER_POOL
    (without,) = RULES["EndpointNeedsARegionWithEndpoints"]["RuleCondition"].values()
    assert bool(lacking) == (region in without[0])
    assert lacking <= ENDPOINT


def test_a_budget_is_refused_exactly_where_cloudformation_has_none() -> None:
    (assertion,) = RULES["BudgetNeedsARegionWithBudgets"]["Assertions"]
    (allowed, _region) = assertion["Assert"]["Fn::Contains"]
    assert set(allowed) == {r for r, found in types_by_region().items() if BUDGET in found}


def test_no_region_is_asked_for_a_budget_that_nobody_wants() -> None:
    budgets = [r for r in template()["Resources"].values() if r["Type"] == BUDGET]
    assert [budget["Condition"] for budget in budgets] == ["HasBudget"]


@pytest.mark.parametrize("region", SIGNED)
def test_a_signed_address_names_the_region_of_its_bucket(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "UPLOADS_BUCKET": "photos"}
    for name, value in {**keys, "AWS_DEFAULT_REGION": region}.items():
        monkeypatch.setenv(name, value)
    forget_clients()
    signer, servers = S3Signer.from_env("UPLOADS_BUCKET"), open_bucket("photos")
    assert isinstance(servers, S3Bucket)
    place = {"Bucket": "photos", "Key": "k"}
    addresses = (
        signer.form("k", 1, "image/png", 60).url,
        signer.link("k", "k.png", 60),
        servers.s3.generate_presigned_url("get_object", place, ExpiresIn=60),
    )
    forget_clients()
    assert {urlsplit(address).hostname for address in addresses} == {SIGNED[region]}
