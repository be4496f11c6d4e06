"""Rules of the laptop's SageMaker that need no server."""

from __future__ import annotations

import doctest
from importlib import import_module
from typing import Any

import pytest

from local.sagemaker.api import permissions, validation
from local.sagemaker.api.errors import ServiceError
from local.sagemaker.events import in_milliseconds
from local.sagemaker.training.channels import channel_config

CONFIG = b'{"EndpointConfigName": "c"}'
ENDPOINT = b'{"EndpointName": "e", "EndpointConfigName": "c"}'
TAGS = {"ResourceArn": "arn:aws:sagemaker:us-east-1:000000000000:model/m"}


@pytest.mark.parametrize(
    "name", ["container.images", "hosting.packages", "s3", "training.documents"]
)
def test_the_examples_in_docstrings_hold(name: str) -> None:
    found = doctest.testmod(import_module(f"local.sagemaker.{name}"))
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("operation", "request_", "words"),
    [
        ("DescribeTrainingJob", {}, "Value null at 'trainingJobName'"),
        ("DescribeTrainingJob", {"TrainingJobName": "a", "X": 1}, "Member is not known"),
        ("ListTrainingJobs", {"MaxResults": 101}, "value less than or equal to 100"),
        ("ListTrainingJobs", {"MaxResults": True}, "must be of type integer"),
        ("AddTags", TAGS | {"Tags": [{"Key": "k"}]}, "'tags.1.member.value'"),
        ("AddTags", TAGS | {"Tags": "k"}, "must be of type list"),
    ],
)
def test_requests_are_checked_against_the_service_model(
    operation: str, request_: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        validation.check(operation, request_)
    assert refused.value.code == "ValidationException"
    assert words in refused.value.message


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ServiceError, match="3 validation errors detected"):
        validation.check("CreateTrainingJob", {"HyperParameters": {}})


def test_a_templates_texts_become_the_apis_types() -> None:
    variant = {"VariantName": "v", "InitialInstanceCount": "2", "InitialVariantWeight": "0.5"}
    properties = {
        "EndpointConfigName": 5,
        "ProductionVariants": [variant],
        "EnableNetworkIsolation": "true",
    }
    assert validation.coerce("CreateEndpointConfig", properties) == {
        "EndpointConfigName": "5",
        "ProductionVariants": [
            {"VariantName": "v", "InitialInstanceCount": 2, "InitialVariantWeight": 0.5}
        ],
        "EnableNetworkIsolation": True,
    }


def test_text_that_is_no_number_is_left_for_the_check() -> None:
    assert validation.coerce("ListTrainingJobs", {"MaxResults": "many"}) == {"MaxResults": "many"}


@pytest.mark.parametrize(
    ("target", "path", "body", "resource"),
    [
        ("SageMaker.CreateTrainingJob", "/", b'{"TrainingJobName": "Job"}', "training-job/job"),
        ("SageMaker.DescribeEndpointConfig", "/", CONFIG, "endpoint-config/c"),
        ("SageMaker.CreateEndpoint", "/", ENDPOINT, "endpoint/e"),
        ("SageMaker.UpdateEndpointWeightsAndCapacities", "/", ENDPOINT, "endpoint/e"),
        ("SageMaker.CreateModel", "/", b'{"ModelName": "m"}', "model/m"),
        ("", "/endpoints/E/invocations", b"\xff", "endpoint/e"),
    ],
)  # fmt: skip
def test_a_request_is_about_one_resource(
    monkeypatch: pytest.MonkeyPatch, target: str, path: str, body: bytes, resource: str
) -> None:
    monkeypatch.setattr("local.sagemaker.host.arn", lambda kind, name: f"{kind}/{name.lower()}")
    assert permissions.resource_of(target, path, body) == resource


@pytest.mark.parametrize("body", [b"", b"no json", b"{}"])
def test_a_list_is_about_all_resources(body: bytes) -> None:
    assert permissions.resource_of("SageMaker.ListTrainingJobs", "/", body) == "*"


def test_events_write_times_in_milliseconds() -> None:
    detail = {"CreationTime": 1.5, "Name": "x", "Steps": [{"StartTime": 2.25}]}
    assert in_milliseconds(detail) == {
        "CreationTime": 1500,
        "Name": "x",
        "Steps": [{"StartTime": 2250}],
    }


def test_the_configuration_names_the_channels() -> None:
    channels = [{"ChannelName": "plan", "ContentType": "application/json"}]
    assert channel_config(channels)["plan"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
        "ContentType": "application/json",
    }
