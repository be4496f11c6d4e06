"""template.yaml offers what the table of accelerators supports, and refuses what cannot work."""

import json
import uuid
from itertools import product
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from contracts.shared.instances.accelerators import (
    INFERENCE_AMIS,
    INSTANCES,
    MIN_DRIVERS,
    amis_for,
    endpoint_types,
    training_types,
)
from domain.pricing.prices import USD_PER_HOUR
from local.cloud.server import Cloud
from serving.device import INSTANCE_TYPE
from tests.contract.files import template

PARAMETERS: dict[str, Any] = template()["Parameters"]
RESOURCES: dict[str, Any] = template()["Resources"]
RULES = json.dumps(template()["Rules"])
CHOSEN = {name for name in PARAMETERS if f'{{"Ref": "{name}"}}' in RULES}
REFUSED = [
    ({"ServingImageCuda": "13"}, "driver 580"),
    ({"ServingDtype": "bfloat16", "EndpointInstanceType": "ml.g4dn.xlarge"}, "no bfloat16"),
    ({"InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-1"}, "InferenceAmiVersion"),
    ({"EndpointInstanceType": "ml.m5.xlarge"}, "EndpointInstanceType"),
]
TAKEN = [
    {},
    {"ServingImageCuda": "13", "InferenceAmiVersion": "al2023-ami-sagemaker-inference-gpu-4-1"},
    {"ServingDtype": "bfloat16"},
    {"ServingImageCuda": "13", "CreateEndpoint": "false"},
]


def allowed(parameter: str) -> list[str]:
    values: list[str] = PARAMETERS[parameter]["AllowedValues"]
    return values


def enum(shape: str) -> set[str]:
    model = botocore.session.Session().get_service_model("sagemaker")
    return set(model.shape_for(shape).metadata["enum"])


# --- values -----------------------------------------------------------------------------------


def test_every_ami_of_the_table_can_be_chosen_and_the_default_runs_the_image_s_cuda() -> None:
    assert set(allowed("InferenceAmiVersion")) == set(INFERENCE_AMIS)
    cuda = int(PARAMETERS["ServingImageCuda"]["Default"])
    assert PARAMETERS["InferenceAmiVersion"]["Default"] in amis_for((cuda, 0))


def test_sagemaker_knows_every_value_of_the_table() -> None:
    assert set(INFERENCE_AMIS) <= enum("ProductionVariantInferenceAmiVersion")
    assert set(endpoint_types()) <= enum("ProductionVariantInstanceType")
    assert set(training_types()) <= enum("TrainingInstanceType")


def test_an_endpoint_can_have_each_type_whose_gpu_many_models_can_share() -> None:
    assert set(allowed("EndpointInstanceType")) == set(endpoint_types())


def test_a_training_can_have_each_type_with_bfloat16_and_the_default_has_a_price() -> None:
    assert set(allowed("TrainingInstanceType")) == set(training_types()) >= set(USD_PER_HOUR)
    assert PARAMETERS["TrainingInstanceType"]["Default"] in USD_PER_HOUR
    assert PARAMETERS["TrainingPriceUsdPerHour"]["Default"] == 0


def test_each_major_version_of_cuda_that_can_be_said_has_a_driver() -> None:
    assert {int(version) for version in allowed("ServingImageCuda")} <= set(MIN_DRIVERS)


def test_the_variant_has_the_ami_and_the_server_hears_type_and_precision() -> None:
    (variant,) = RESOURCES["ServingEndpointConfig"]["Properties"]["ProductionVariants"]
    assert variant["InferenceAmiVersion"] == {"Ref": "InferenceAmiVersion"}
    assert variant["InstanceType"] == {"Ref": "EndpointInstanceType"}
    variables = RESOURCES["ServingModel"]["Properties"]["PrimaryContainer"]["Environment"]
    assert variables[INSTANCE_TYPE] == {"Ref": "EndpointInstanceType"}
    assert variables["LIKENESS_DTYPE"] == {"Ref": "ServingDtype"}


# --- rules ------------------------------------------------------------------------------------


def contains(rule: str, *way: str | int) -> list[str]:
    """The list inside the one Contains of a rule."""
    node = template()["Rules"][rule]["Assertions"][0]["Assert"]
    for step in way:
        node = node[step]
    found: list[str] = node["Fn::Contains"][0]
    return found


def test_the_rules_name_what_the_table_says() -> None:
    assert contains("DriverRunsCuda") == list(amis_for((13, 0)))
    without = [name for name in endpoint_types() if not INSTANCES[name].gpu.has_bfloat16]
    assert contains("GpuHasDtype", "Fn::Not", 0) == without


def test_what_the_template_takes_works_by_the_table() -> None:
    """Every pair that is taken has a driver that runs the image's CUDA."""
    for cuda, ami in product(allowed("ServingImageCuda"), allowed("InferenceAmiVersion")):
        refused = cuda == "13" and ami not in contains("DriverRunsCuda")
        assert refused == (ami not in amis_for((int(cuda), 0)))


def create(cloud: Cloud, values: dict[str, str]) -> None:
    """Create a stack of one topic with the endpoint's parameters and the template's rules."""
    body = {
        "Parameters": {name: PARAMETERS[name] for name in CHOSEN},
        "Rules": template()["Rules"],
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    name, client = f"rules-{uuid.uuid4().hex[:8]}", cloud.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps(body), Parameters=given)
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


@pytest.mark.parametrize(("values", "words"), REFUSED)
def test_a_deployment_that_cannot_work_is_refused_before_anything_is_created(
    cloud: Cloud, values: dict[str, str], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        create(cloud, values)


@pytest.mark.parametrize("values", TAKEN)
def test_a_deployment_that_can_work_is_taken(cloud: Cloud, values: dict[str, str]) -> None:
    create(cloud, values)
