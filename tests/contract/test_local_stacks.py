"""CloudFormation on the laptop is as on AWS: full buckets, patterns, the order, retries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud import RUNTIME, archive, eventually, role

if TYPE_CHECKING:
    from local.cloud.server import Cloud

NAME = "lenient-not"
BUCKET = {"Type": "AWS::S3::Bucket"}
NAMED = {
    "Type": "AWS::SSM::Parameter",
    "Properties": {"Name": "/taken", "Type": "String", "Value": "x"},
}

SECOND_TIME = """
import json
from urllib.request import Request, urlopen

calls = []

def handler(event, context):
    calls.append(event["RequestType"])
    assert len(calls) > 1, "the first call fails"
    kept = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer = {**kept, "Status": "SUCCESS", "PhysicalResourceId": "p", "Data": {"Calls": str(calls)}}
    data = json.dumps(answer).encode()
    urlopen(Request(event["ResponseURL"], data, method="PUT")).close()
"""


class Stack:
    """One stack."""

    def __init__(self, cloud: Cloud) -> None:
        self.client = cloud.client("cloudformation")

    def make(self, parameters: dict[str, Any] | None = None, /, **resources: Any) -> str:
        body = json.dumps({"Parameters": parameters or {}, "Resources": resources})
        change = self.client.update_stack if self.status() else self.client.create_stack
        change(StackName=NAME, TemplateBody=body)
        return self.settled()

    def delete(self) -> str:
        self.client.delete_stack(StackName=NAME)
        return self.settled()

    def settled(self) -> str:
        eventually(lambda: not self.status().endswith("IN_PROGRESS"))
        return self.status()

    def status(self) -> str:
        found = self.client.describe_stacks()["Stacks"]
        return next((str(s["StackStatus"]) for s in found if s["StackName"] == NAME), "")

    def resource(self, logical_id: str) -> str:
        found = self.client.describe_stack_resources(StackName=NAME)["StackResources"]
        (name,) = (r["PhysicalResourceId"] for r in found if r["LogicalResourceId"] == logical_id)
        return str(name)


def test_a_bucket_with_files_or_their_versions_outlives_its_stack_s_deletion(cloud: Cloud) -> None:
    stack, s3 = Stack(cloud), cloud.client("s3")
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    assert stack.make(B={**BUCKET, "Properties": versioned}) == "CREATE_COMPLETE"
    bucket = stack.resource("B")
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    assert stack.delete() == "DELETE_FAILED"
    for each in (version, marker):
        s3.delete_object(Bucket=bucket, Key="k", VersionId=each)
    assert stack.delete() == ""


def test_a_parameter_whose_value_its_pattern_excludes_is_refused(cloud: Cloud) -> None:
    ssm = cloud.client("ssm")
    with pytest.raises(ClientError, match="ParameterPatternMismatchException"):
        ssm.put_parameter(Name="/p", Value="A", Type="String", AllowedPattern="^[a-z]$")
    ssm.put_parameter(Name="/p", Value="a", Type="String", AllowedPattern="^[a-z]$")
    ssm.delete_parameter(Name="/p")


def test_what_a_template_adds_is_made_before_what_it_drops_is_deleted(cloud: Cloud) -> None:
    stack, ssm = Stack(cloud), cloud.client("ssm")
    assert stack.make(Old=NAMED) == "CREATE_COMPLETE"
    assert stack.make(New=NAMED) == "UPDATE_ROLLBACK_COMPLETE", "its name is still taken"
    assert stack.make(New=BUCKET) == "UPDATE_COMPLETE"
    assert not ssm.get_parameters(Names=["/taken"])["Parameters"]
    assert stack.delete() == ""


def test_a_queue_s_concurrency_that_is_a_parameter_is_a_number(cloud: Cloud) -> None:
    stack, functions = Stack(cloud), cloud.client("lambda")
    queue = {"Type": "AWS::SQS::Queue"}
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": "reader",
            "EventSourceArn": {"Fn::GetAtt": ["Q", "Arn"]},
            "ScalingConfig": {"MaximumConcurrency": {"Ref": "AtOnce"}},
        },
    }
    for number in ("3", "4"):
        at_once = {"AtOnce": {"Type": "Number", "Default": number}}
        assert stack.make(at_once, Q=queue, M=mapping).endswith("E_COMPLETE")
        made = functions.get_event_source_mapping(UUID=stack.resource("M"))
        assert made["ScalingConfig"] == {"MaximumConcurrency": int(number)}
    assert stack.delete() == ""


def test_a_custom_resource_s_function_is_called_again_when_it_failed(cloud: Cloud) -> None:
    stack, functions, ssm = Stack(cloud), cloud.client("lambda"), cloud.client("ssm")
    function = functions.create_function(
        FunctionName="second-time", Runtime=RUNTIME, Role=role(cloud, "second-time"),
        Handler="app.handler", Code={"ZipFile": archive(app=SECOND_TIME)}, Timeout=60,
    )["FunctionArn"]  # fmt: skip
    custom = {
        "Type": "Custom::SecondTime",
        "Properties": {"ServiceToken": function, "ServiceTimeout": 60},
    }
    calls = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": "/calls", "Type": "String", "Value": {"Fn::GetAtt": ["C", "Calls"]}},
    }
    assert stack.make(C=custom, P=calls) == "CREATE_COMPLETE"
    assert ssm.get_parameter(Name="/calls")["Parameter"]["Value"] == "['Create', 'Create']"
    assert stack.delete() == ""
    functions.delete_function(FunctionName="second-time")
