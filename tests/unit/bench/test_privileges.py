"""What a role may do is compared with what it did."""

import re

import pytest

from bench.privileges.__main__ import (
    Role,
    compare,
    figures,
    is_name_of,
    not_granted,
    read_toml,
)
from bench.privileges.granted import ROOT, Grant, grants_of

TEMPLATE = {
    "Resources": {
        "ReaderRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Policies": [
                    {
                        "PolicyDocument": {
                            "Statement": [
                                {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "a"},
                                {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"},
                                {
                                    "Fn::If": [
                                        "Endpoint",
                                        {"Effect": "Allow", "Action": "ecr:Get", "Resource": "*"},
                                        {"Ref": "AWS::NoValue"},
                                    ]
                                },
                            ]
                        }
                    }
                ]
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket"},
    }
}


def role(granted: str, used: str) -> Role:
    return Role("R", frozenset(granted.split()), frozenset(used.split()))


def test_every_allowed_action_is_a_grant_behind_a_condition_too() -> None:
    found = [(grant.role, grant.action, grant.is_wildcard) for grant in grants_of(TEMPLATE)]
    assert found == [("ReaderRole", "s3:GetObject", False), ("ReaderRole", "ecr:Get", True)]


def test_a_permission_that_nobody_used_is_named_and_counted() -> None:
    found = role("a b c", "a b d")
    assert (found.unused, found.ratio) == (["c"], 1.5)


def test_a_role_that_did_nothing_may_do_too_much() -> None:
    assert role("a", "").ratio == float("inf")
    assert role("", "").ratio == 1.0


def test_roles_are_found_by_the_names_that_cloudformation_gives_them() -> None:
    used = {"likeness-ReaderRole-4301092575433": {"s3:GetObject"}}
    explained = [{"role": "Reader", "actions": ["ecr:Get"], "reason": "not here"}]
    (found,) = compare(grants_of(TEMPLATE), used, explained)
    assert (found.name, found.unused) == ("ReaderRole", [])


def test_a_reason_for_what_nobody_is_granted_is_told() -> None:
    entries = [{"role": "Reader", "actions": ["ecr:Get", "s3:GetObject", "gone:Gone"]}]
    assert not_granted(grants_of(TEMPLATE), entries) == {"Reader gone:Gone"}
    assert not_granted(grants_of(TEMPLATE), [{"role": "", "actions": ["ecr:Get"]}]) == set()


def test_the_tests_that_reasons_name_are_there() -> None:
    reasons = [str(entry["reason"]) for entry in read_toml("unused.toml", "unused")]
    named = [name for reason in reasons for name in re.findall(r"tests/\S+\.py", reason)]
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(
    ("name", "logical", "same"),
    [
        ("likeness-TrainingRole-4301092575433", "TrainingRole", True),
        ("likeness-TrainingRole-4301092575433", "Training", False),
        (
            "likeness-TrainAdapterStateMachineRequestUploadedRol37CF1BC95F666",
            "TrainAdapterStateMachineRequestUploadedRole",
            True,
        ),
        ("likeness-TrainAdapterFunctionRole-27AE9D168A13F", "TrainAdapterFunctionRoleX", False),
    ],
)
def test_a_long_name_is_cut_off_and_a_short_one_is_whole(
    name: str, logical: str, same: bool
) -> None:
    assert is_name_of(name, logical) == same


def test_a_wildcard_needs_a_reason_and_a_reason_a_wildcard() -> None:
    grants = [Grant("R", "ecr:Get", '"*"'), Grant("R", "xray:Put", '"*"')]
    reasons: list[dict[str, object]] = [{"actions": ["xray:Put", "gone:Gone"]}]
    found = {figure.name: figure for figure in figures([role("a", "a")], grants, reasons)}
    assert found["wildcard resources without a reason"].value == 1
    assert found["reasons of wildcards that are gone"].value == 1
    assert found["wildcard actions"].met
