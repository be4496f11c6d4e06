"""The doctor knows the template, the policy and the page that belong to this commit."""

import json
import re
import subprocess
import sys

from likeness_client.doctor.checks.events import RULE, SWITCHED_ON_BY
from likeness_client.doctor.checks.parameters import NAME_LIMITS, RUNTIMES
from likeness_client.doctor.checks.strict import GATEWAYS, INTERFACES, WRITERS
from likeness_client.doctor.template import shipped
from tests.contract.files import ROOT, functions, template


def test_the_doctor_s_files_are_up_to_date() -> None:
    run = subprocess.run([sys.executable, ROOT / "docs/doctor.py", "--check"], check=False)
    assert run.returncode == 0, "run `make generated`"


def test_every_name_that_the_template_makes_has_a_limit() -> None:
    named = {resource["Type"] for resource in shipped().resources.values() if "Name" in resource}
    assert named <= NAME_LIMITS.keys()


def test_the_doctor_knows_the_name_of_every_function() -> None:
    known = {
        resource["Name"].removeprefix("${AWS::StackName}-")
        for resource in shipped().resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert known == {name.replace("_", "-") for name in functions()}


def test_the_doctor_offers_the_template_s_own_runtime() -> None:
    assert template()["Parameters"]["LambdaRuntime"]["Default"] in RUNTIMES


def test_the_doctor_knows_the_rules_that_the_template_switches_off() -> None:
    resources = json.loads((ROOT / "tests/contract/golden/expanded_template.json").read_text())
    switched = {
        name: one["Properties"]["State"]["Fn::If"][0]
        for name, one in resources["Resources"].items()
        if one["Type"] == RULE and "State" in one["Properties"]
    }
    assert switched == SWITCHED_ON_BY


def test_the_doctor_looks_for_the_vpc_endpoints_of_the_page() -> None:
    text = (ROOT / "docs" / "strict.md").read_text()
    listed = text.partition("through these VPC endpoints")[2].partition(". `cognito-idp`")[0]
    assert set(re.findall(r"`([a-z0-9.-]+)`", listed)) == {*GATEWAYS, *INTERFACES}


def test_the_doctor_looks_for_the_services_of_the_key_s_policy() -> None:
    text = (ROOT / "docs" / "strict.md").read_text()
    named = re.findall(r'"((?:[a-z]+\.)?[a-zA-Z]+\.amazonaws\.com)"', text)
    assert {*named} == {"logs.REGION.amazonaws.com", *WRITERS}


def test_every_condition_and_rule_can_be_evaluated() -> None:
    known = shipped()
    values = known.values({}) | {"AWS::Region": "eu-central-1"}
    for name in known.conditions:
        known.is_true({"Condition": name}, values)
    assert list(known.broken_rules(values)) == []


def test_the_policy_only_reads() -> None:
    (statement,) = json.loads((ROOT / "docs/doctor-policy.json").read_text())["Statement"]
    verbs = {action.partition(":")[2] for action in statement["Action"]}
    readers = ("BatchGet", "Describe", "Detect", "Get", "GET", "List", "Query", "Simulate")
    assert [verb for verb in verbs if not verb.startswith(readers)] == []
