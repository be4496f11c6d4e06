"""A model is warm when the endpoint draws a valid picture with exactly its weights."""

import json
from datetime import datetime, timedelta

import pytest
from PIL import Image

from contracts.documents import picture
from contracts.documents.package import ModelPackage
from contracts.errors import (
    EndpointMissingError,
    EndpointStartingError,
    ModelNotReadyError,
    WarmUpFailedError,
)
from domain.serving.warm_up import picture_request, warm
from tests.fakes.endpoint_invoker import MemoryEndpointInvoker
from tests.fakes.endpoint_lifecycle import MemoryEndpointLifecycle
from tests.unit.training_kit import NOON, job_id

WEIGHTS = "a" * 64
PACKAGE = ModelPackage(
    job_id=job_id(1),
    target_model=f"{job_id(1)}-{WEIGHTS[:12]}.tar.gz",
    uri="s3://models/endpoint/x",
    sha256="c" * 64,
    weights_sha256=WEIGHTS,
    trigger_word="sks",
)
HOSTING = MemoryEndpointLifecycle(on_demand=False)


class NoEndpoint(MemoryEndpointInvoker):
    """Nobody answers, as long as the endpoint does not run."""

    def __init__(self, lifecycle: MemoryEndpointLifecycle) -> None:
        super().__init__()
        self.lifecycle = lifecycle

    def invoke(self, target_model: str, body: bytes) -> bytes:
        if self.lifecycle.status() != "in_service":
            raise EndpointMissingError
        return super().invoke(target_model, body)


def endpoint(loads: int = 0) -> MemoryEndpointInvoker:
    served = MemoryEndpointInvoker(loads)
    served.deploy(PACKAGE.target_model, WEIGHTS)
    return served


def clock() -> datetime:
    return NOON


def why(served: MemoryEndpointInvoker) -> object:
    with pytest.raises(WarmUpFailedError) as caught:
        warm(PACKAGE, served, HOSTING, clock)
    return caught.value.facts["reason"]


def test_a_model_that_answers_with_its_own_picture_is_warm() -> None:
    ticks = iter((NOON, NOON + timedelta(seconds=3)))
    report = warm(PACKAGE, endpoint(), HOSTING, lambda: next(ticks))
    assert (report.seconds, report.endpoint_name) == (3.0, "endpoint")


def test_a_model_that_loads_is_asked_again_by_the_workflow() -> None:
    served = endpoint(loads=1)
    with pytest.raises(ModelNotReadyError):
        warm(PACKAGE, served, HOSTING, clock)
    warm(PACKAGE, served, HOSTING, clock)


def test_a_picture_made_with_other_weights_is_refused() -> None:
    served = endpoint()
    served.deploy(PACKAGE.target_model, "d" * 64)
    assert why(served) == "other_weights"


def test_an_empty_picture_is_refused() -> None:
    served = endpoint()
    served.picture = Image.new("RGB", served.size, "gray")
    assert why(served) == "picture_is_empty"


def test_a_picture_of_another_size_is_refused() -> None:
    served = endpoint()
    served.size = (128, 128)
    assert why(served) == "size_wrong"


def test_the_request_is_one_that_the_model_accepts() -> None:
    inputs = {entry["name"]: entry for entry in json.loads(picture_request("sks"))["inputs"]}
    assert inputs["prompt"]["data"] == ["a photo of sks"]
    assert all(entry["shape"] == list(picture.WIRE_SHAPE) for entry in inputs.values())
    picture.PictureArguments.model_validate_json(inputs["gen_args"]["data"][0])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b'{"outputs": []}',
        b'{"outputs": [{"name": "info", "data": []}]}',
        b'{"outputs": [{"name": "info", "data": ["{}"]}]}',
    ],
)
def test_an_answer_that_is_none_is_refused(answer: bytes) -> None:
    served = endpoint()
    served.babble = answer
    assert why(served) == "answer_unreadable"


def test_without_an_endpoint_an_operator_is_needed() -> None:
    with pytest.raises(EndpointMissingError):
        warm(PACKAGE, NoEndpoint(HOSTING), HOSTING, clock)


def test_an_endpoint_on_demand_is_started_and_waited_for() -> None:
    lifecycle = MemoryEndpointLifecycle()
    served = NoEndpoint(lifecycle)
    served.deploy(PACKAGE.target_model, WEIGHTS)
    for _ in range(2):
        with pytest.raises(EndpointStartingError):
            warm(PACKAGE, served, lifecycle, clock)
    lifecycle.started(NOON)
    assert warm(PACKAGE, served, lifecycle, clock).job_id == PACKAGE.job_id
