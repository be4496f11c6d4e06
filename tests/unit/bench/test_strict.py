"""Findings of linters are compared with their explanations, and policies are made plain."""

from typing import Any

import pytest

from bench.strict.__main__ import Finding, explanations, figures, plain, policies_of, unexplained


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ({"Fn::Sub": "${UploadsBucket.Arn}/tenants/*"}, "arn:aws:s3:::uploads/tenants/*"),
        (
            {"Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:${Unknown}"},
            "arn:aws:logs:us-east-1:123456789012:x",
        ),
        ({"Fn::GetAtt": ["JobsTable", "Arn"]}, "arn:aws:dynamodb:us-east-1:123456789012:table/x"),
        ({"Ref": "AWS::AccountId"}, "123456789012"),
        (
            {"Fn::If": ["HasEndpoint", {"Ref": "NoticesTopic"}, "*"]},
            "arn:aws:sns:us-east-1:123456789012:x",
        ),
        (["a", {"b": 1}], ["a", {"b": 1}]),
    ],
)
def test_a_policy_is_written_as_iam_reads_it(node: Any, found: Any) -> None:
    assert plain(node) == found


def test_each_inline_policy_of_a_role_is_reviewed() -> None:
    document = {"Statement": [{"Action": "s3:GetObject", "Resource": {"Ref": "UploadsBucket"}}]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": document}]}}
    template = {"Resources": {"Reader": role, "Bucket": {"Type": "AWS::S3::Bucket"}}}
    ((name, found),) = policies_of(template)
    assert name == "Reader"
    assert found["Statement"][0]["Resource"] == "arn:aws:s3:::x"


def test_a_finding_without_a_reason_is_missed_and_so_is_a_reason_without_a_finding() -> None:
    known, new = Finding("CKV_1", "Role"), Finding("CKV_2", "Role")
    explained = {("CKV_1", "Role"), ("CKV_3", "Gone")}
    assert unexplained([known, new], explained) == [new]
    checkov, stale = figures([], [known, new], [], explained)[2:6:3]
    assert (checkov.value, checkov.met) == (1, False)
    assert (stale.value, stale.met) == (1, False)


def test_a_warning_of_cfn_lint_counts() -> None:
    first, *_ = figures([Finding("W3037", "Role")], [], [], set())
    assert (first.value, first.met) == (1, False)


def test_each_explanation_is_of_one_check_and_one_resource() -> None:
    assert explanations()
    assert all(check and resource for check, resource in explanations())
