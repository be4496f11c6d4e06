"""InvokeEndpoint on a multi-model endpoint: loading, unloading and errors."""

from __future__ import annotations

import json
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint

from contracts.shared.limits import MAX_PAYLOAD_BYTES
from local.sagemaker.hosting.instance import STARTS
from tests.cloud import eventually
from tests.integration.sagemaker_kit import SERVER, restore_defaults, tar_gz

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.sagemaker_kit import SageMakerKit


@pytest.fixture(scope="module")
def shared(sagemaker_kit: SageMakerKit) -> Iterator[str]:
    """An endpoint for the tests that do not change it."""
    sagemaker_kit.use_settings()
    name = sagemaker_kit.endpoint(CAPACITY="1000", WISHED="yes")
    yield name
    restore_defaults()
    remove(sagemaker_kit, name)


@pytest.fixture
def impatient(kit: SageMakerKit) -> Iterator[str]:
    """An endpoint whose invocations time out after a second and a half."""
    kit.use_settings(invocation_limit=1.5)
    name = kit.endpoint()
    yield name
    remove(kit, name)


def remove(kit: SageMakerKit, name: str) -> None:
    kit.sagemaker.delete_endpoint(EndpointName=name)
    eventually(lambda: kit.sagemaker.list_endpoints(NameContains=name)["Endpoints"] == [])


def new_target() -> str:
    return f"{uuid.uuid4().hex}.tar.gz"


def calls_for(answer: dict[str, Any], target: str) -> list[str]:
    return [call[0] for call in answer["calls"] if call[1] == target]


def refusal(kit: SageMakerKit, endpoint: str, target: str) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        kit.invoke(endpoint, target)
    answer: dict[str, Any] = refused.value.response
    return answer


def test_a_model_loads_once_and_then_answers(kit: SageMakerKit, shared: str) -> None:
    target = kit.package(new_target())
    first, second = kit.invoke(shared, target, "one"), kit.invoke(shared, target, "two")
    assert (first["text"], second["text"]) == ("one", "two")
    assert second["target"] == target
    assert second["type"] == "text/plain"
    assert calls_for(second, target) == ["load"]
    headers = second["headers"]
    assert headers["InvokedProductionVariant"] == "AllTraffic"
    assert headers["ContentType"] == "application/json"
    assert headers["CustomAttributes"] == "answered"


def test_the_container_has_its_contract_and_its_roles_credentials(
    kit: SageMakerKit, shared: str
) -> None:
    environment = kit.invoke(shared, kit.package(new_target()))["environment"]
    assert environment["SAGEMAKER_MULTI_MODEL"] == "true"
    first, last = environment["SAGEMAKER_SAFE_PORT_RANGE"].split("-")
    assert int(environment["SAGEMAKER_BIND_TO_PORT"]) < int(first) < int(last)
    assert environment["WISHED"] == "yes"
    assert environment["AWS_ENDPOINT_URL"] == kit.cloud.endpoint_url
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert "GATEWAY_PORT" not in environment


def test_a_missing_model_is_a_validation_error(kit: SageMakerKit, shared: str) -> None:
    answer = refusal(kit, shared, "missing.tar.gz")
    assert answer["Error"]["Code"] == "ValidationError"
    assert "Failed to download model data" in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    kit.package("missing.tar.gz")
    assert kit.invoke(shared, "missing.tar.gz")["text"] == "hello"


@pytest.mark.parametrize("content", [b"no archive", tar_gz({"behaviour.json": "{}"})[:40]])
def test_a_broken_archive_is_a_validation_error(
    kit: SageMakerKit, shared: str, content: bytes
) -> None:
    target = new_target()
    kit.s3.put_object(Bucket=kit.bucket, Key=f"models/{target}", Body=content)
    assert "not a valid tar.gz" in refusal(kit, shared, target)["Error"]["Message"]


def test_an_archive_cannot_write_outside_its_folder(kit: SageMakerKit, shared: str) -> None:
    target = new_target()
    evil = tar_gz({"../../escaped": "x", "behaviour.json": "{}"})
    kit.s3.put_object(Bucket=kit.bucket, Key=f"models/{target}", Body=evil)
    assert "not a valid tar.gz" in refusal(kit, shared, target)["Error"]["Message"]


@pytest.mark.parametrize(
    ("behaviour", "status"), [({"load_status": 400}, 400), ({"status": 500}, 500)]
)
def test_the_containers_error_is_a_model_error(
    kit: SageMakerKit, shared: str, behaviour: dict[str, int], status: int
) -> None:
    answer = refusal(kit, shared, kit.package(new_target(), **behaviour))
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == status
    assert json.loads(answer["OriginalMessage"])


def test_a_model_that_the_container_has_already_is_loaded(kit: SageMakerKit, shared: str) -> None:
    target = kit.package(new_target(), load_status=409)
    assert kit.invoke(shared, target)["text"] == "hello"


def test_a_load_that_takes_too_long_goes_on(kit: SageMakerKit, impatient: str) -> None:
    target = kit.package(new_target(), load_seconds=6)
    answer = refusal(kit, impatient, target)
    assert answer["Error"]["Code"] == "ModelNotReadyException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    done = eventually(lambda: _tried(kit, impatient, target))
    assert calls_for(done, target) == ["load"]


def _tried(kit: SageMakerKit, endpoint: str, target: str) -> dict[str, Any] | None:
    try:
        return kit.invoke(endpoint, target)
    except ClientError:
        return None


def test_an_answer_that_takes_too_long_is_a_model_error(kit: SageMakerKit, impatient: str) -> None:
    target = kit.package(new_target(), seconds=6)

    def timed_out() -> dict[str, Any] | None:
        answer = refusal(kit, impatient, target)
        return answer if answer["Error"]["Code"] == "ModelError" else None  # else it still loads

    answer = eventually(timed_out)
    assert answer["OriginalStatusCode"] == 0
    assert "timed out" in answer["OriginalMessage"]


def test_requests_run_side_by_side(kit: SageMakerKit, shared: str) -> None:
    """Each of two models is asked twice; the container answers when all four requests are there."""
    targets = [kit.package(new_target(), wait_for=4) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda target: kit.invoke(shared, target), targets * 2))
    assert all(calls_for(answers[-1], target) == ["load"] for target in targets)


def test_other_refusals(kit: SageMakerKit, shared: str) -> None:
    unknown = refusal(kit, "nobody", "x.tar.gz")["Error"]
    assert unknown["Message"] == "Endpoint nobody of account 000000000000 not found."
    with pytest.raises(ClientError, match="Target Model must be specified"):
        kit.runtime.invoke_endpoint(EndpointName=shared, Body=b"")
    with pytest.raises(ClientError, match=r"\(413\)|larger than"):
        kit.runtime.invoke_endpoint(
            EndpointName=shared, TargetModel="x", Body=bytes(MAX_PAYLOAD_BYTES + 1)
        )


def test_an_answer_has_the_limit_of_a_request(kit: SageMakerKit, shared: str) -> None:
    fits = kit.package(new_target(), answer_bytes=MAX_PAYLOAD_BYTES - 100_000)
    assert kit.invoke(shared, fits)["target"] == fits
    answer = refusal(kit, shared, kit.package(new_target(), answer_bytes=MAX_PAYLOAD_BYTES))
    assert answer["Error"]["Code"] == "ModelError"
    assert "larger than 6291456 bytes" in answer["OriginalMessage"]


def test_output_goes_to_cloudwatch(kit: SageMakerKit, shared: str) -> None:
    group = f"/aws/sagemaker/Endpoints/{shared}"
    assert "serving" in eventually(lambda: kit.log_lines(group, "AllTraffic/i-"))


# ---- memory ------------------------------------------------------------------------------------


def test_a_full_container_loses_the_least_recently_used_model(kit: SageMakerKit) -> None:
    endpoint = kit.endpoint(CAPACITY="2")
    a, b, c = (kit.package(new_target()) for _ in range(3))
    for target in (a, b, a, c):
        answer = kit.invoke(endpoint, target)
    order = {a: "a", b: "b", c: "c"}
    assert [(call[0], order[call[1]]) for call in answer["calls"]] == [
        ("load", "a"), ("load", "b"), ("load", "c"), ("unload", "b"), ("load", "c"),
    ]  # fmt: skip
    kit.invoke(endpoint, b)  # a is the least recently used model now
    assert calls_for(kit.invoke(endpoint, c), a)[-1] == "unload"
    too_big = kit.package(new_target(), size=3)
    answer = refusal(kit, endpoint, too_big)
    assert (answer["Error"]["Code"], answer["OriginalStatusCode"]) == ("ModelError", 507)
    remove(kit, endpoint)


def test_a_model_is_unloaded_only_when_nobody_waits_for_it(kit: SageMakerKit) -> None:
    kit.use_settings(max_loaded_models=1)
    endpoint = kit.endpoint()
    slow, quick = kit.package(new_target(), seconds=3), kit.package(new_target())
    kit.invoke(endpoint, slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kit.invoke, endpoint, slow)
        time.sleep(1)  # now the slow model is asked; a late request would only load it again
        second = pool.submit(kit.invoke, endpoint, quick)
        assert first.result()["target"] == slow
        unloads = [call for call in second.result()["calls"] if call[0] == "unload"]
    assert unloads[0] == ["unload", slow, 0]
    remove(kit, endpoint)


def test_a_container_that_dies_is_started_again(kit: SageMakerKit) -> None:
    endpoint = kit.endpoint()
    good, deadly = kit.package(new_target()), kit.package(new_target(), die=True)
    pid = kit.invoke(endpoint, good)["pid"]
    answer = refusal(kit, endpoint, deadly)
    assert (answer["Error"]["Code"], answer["OriginalStatusCode"]) == ("ModelError", 0)
    again = eventually(lambda: _tried(kit, endpoint, good))
    assert again["pid"] != pid
    assert calls_for(again, good) == ["load"]
    remove(kit, endpoint)
    eventually(lambda: not _alive(again["pid"]))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# ---- states of an endpoint ---------------------------------------------------------------------


def test_an_update_replaces_the_container_and_a_failed_one_does_not(kit: SageMakerKit) -> None:
    endpoint, target = kit.endpoint(WISHED="old"), kit.package(new_target())
    assert kit.invoke(endpoint, target)["environment"]["WISHED"] == "old"
    new, broken = (
        kit.model(f"{endpoint}-new", WISHED="new"),
        kit.model(f"{endpoint}-bad", CANNOT_START="1"),
    )
    kit.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    described = kit.wait_for_endpoint(endpoint)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", new)
    assert kit.invoke(endpoint, target)["environment"]["WISHED"] == "new"
    kit.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=broken)
    described = kit.wait_for_endpoint(endpoint)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", new)
    assert "did not pass the ping health check" in described["FailureReason"]
    assert kit.invoke(endpoint, target)["environment"]["WISHED"] == "new"
    remove(kit, endpoint)


def test_an_endpoint_whose_container_cannot_start_fails(kit: SageMakerKit) -> None:
    name = kit.model(f"bad-{uuid.uuid4().hex[:8]}", CANNOT_START="1")
    kit.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    described = kit.wait_for_endpoint(name)
    assert described["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in described["FailureReason"]
    group = f"/aws/sagemaker/Endpoints/{name}"
    assert kit.log_lines(group, "AllTraffic/") == ["no base model"] * STARTS
    assert refusal(kit, name, "x.tar.gz")["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="Cannot create already existing endpoint"):
        kit.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    remove(kit, name)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        kit.sagemaker.describe_endpoint(EndpointName=name)


def test_a_container_that_ends_while_it_starts_is_started_again(kit: SageMakerKit) -> None:
    endpoint = kit.endpoint(STARTS_AT=str(STARTS))
    assert kit.wait_for_endpoint(endpoint)["EndpointStatus"] == "InService"
    remove(kit, endpoint)


def test_models_and_configurations_are_checked(kit: SageMakerKit) -> None:
    container = {"Image": "nobody/knows:1", "Mode": "MultiModel", "ModelDataUrl": "s3://b/m/"}
    name = f"model-{uuid.uuid4().hex[:8]}"
    with pytest.raises(ClientError, match="Requested image nobody/knows:1 not found"):
        kit.sagemaker.create_model(
            ModelName=name, PrimaryContainer=container, ExecutionRoleArn=kit.role
        )
    single = container | {"Image": SERVER, "Mode": "SingleModel"}
    with pytest.raises(ClientError, match="Mode MultiModel"):
        kit.sagemaker.create_model(
            ModelName=name, PrimaryContainer=single, ExecutionRoleArn=kit.role
        )
    with pytest.raises(ClientError, match="Could not find model"):
        kit.sagemaker.describe_model(ModelName=name)
    kit.model(name)
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        kit.model(name)
    two = [{"VariantName": variant, "ModelName": name} for variant in ("a", "b")]
    with pytest.raises(ClientError, match="one production variant"):
        kit.sagemaker.create_endpoint_config(
            EndpointConfigName=f"{name}-two", ProductionVariants=two
        )
    assert kit.sagemaker.list_models(NameContains=name)["Models"][0]["ModelName"] == name
    configs = kit.sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    assert [config["EndpointConfigName"] for config in configs] == [name]
    kit.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    kit.sagemaker.delete_model(ModelName=name)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        kit.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def test_sagemaker_cores_endpoint_works(kit: SageMakerKit, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in kit.cloud.environment().items():
        monkeypatch.setenv(name, value)
    config = kit.model(f"core-{uuid.uuid4().hex[:8]}")
    endpoint = Endpoint.create(endpoint_name=config, endpoint_config_name=config)
    endpoint.wait_for_status("InService", poll=1)
    answer = endpoint.invoke(body=b"hello", target_model=kit.package(new_target()))
    assert json.loads(answer.body.read())["text"] == "hello"
    endpoint.delete()
    endpoint.wait_for_delete(poll=1)
