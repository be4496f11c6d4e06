"""A model is warm when the endpoint draws a valid picture with exactly its weights."""

import base64
import io
import json
from datetime import datetime, timedelta

import pytest
from PIL import Image

from contracts.documents import picture
from contracts.documents.hosting import EndpointStatus
from contracts.documents.package import ModelPackage, WarmModelReport
from contracts.errors import (
    EndpointMissingError,
    EndpointStartingError,
    ModelNotReadyError,
    WarmUpFailedError,
)
from domain.serving.warm_up import decode, picture_request, warm
from tests.fakes.endpoint_invoker import MemoryEndpointInvoker, answer_of
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


def test_a_picture_that_was_too_large_for_the_answer_is_one() -> None:
    served = endpoint()
    served.stored = "s3://uploads/answers/a/b/c/000.png"
    warm(PACKAGE, served, HOSTING, clock)
    served.deploy(PACKAGE.target_model, "d" * 64)
    assert why(served) == "other_weights"


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


# --- in every detail --------------------------------------------------------------------------


def test_a_report_and_a_request_say_all_of_this() -> None:
    ticks = iter((NOON, NOON + timedelta(seconds=1.5)))
    assert warm(PACKAGE, endpoint(), HOSTING, lambda: next(ticks)) == WarmModelReport(
        job_id=PACKAGE.job_id,
        target_model=PACKAGE.target_model,
        seconds=1.5,
        endpoint_name="endpoint",
    )
    served = endpoint()
    warm(PACKAGE, served, HOSTING, clock)
    (body,) = served.bodies
    arguments = '{"num_inference_steps":4,"seed":0}'
    assert json.loads(body) == {
        "inputs": [
            {"name": name, "datatype": "BYTES", "shape": [1, 1], "data": [value]}
            for name, value in (("prompt", "a photo of sks"), ("gen_args", arguments))
        ]
    }


def encoded_image(image: Image.Image, kind: str = "PNG") -> str:
    file = io.BytesIO()
    image.save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    "encoded",
    [
        encoded_image(Image.new("RGB", (64, 64)), "JPEG"),
        encoded_image(Image.new("RGB", (4097, 8))),
        encoded_image(Image.new("RGB", (8, 4097))),
        encoded_image(Image.new("RGB", (64, 64))) + "!",
        "",
    ],
)
def test_a_picture_that_is_none_or_far_too_large_is_unreadable(encoded: str) -> None:
    served = endpoint()
    fields = json.loads(answer_of(served.picture, served.size, WEIGHTS))
    fields["outputs"][0]["data"] = [encoded]
    served.babble = json.dumps(fields).encode()
    assert why(served) == "answer_unreadable"


def test_a_picture_may_be_as_large_as_is_decoded_and_of_any_kind_of_png() -> None:
    assert decode(encoded_image(Image.new("L", (4096, 4)))).mode == "RGB"


@pytest.mark.parametrize("status", ["absent", "starting", "in_service"])
def test_without_an_endpoint_its_state_says_who_is_needed(status: EndpointStatus) -> None:
    """CloudFormation's: absent needs an operator; one that is on its way is waited for."""
    hosting = MemoryEndpointLifecycle(on_demand=False, status=status)
    served = NoEndpoint(MemoryEndpointLifecycle())
    error = EndpointMissingError if status == "absent" else EndpointStartingError
    with pytest.raises(error) as caught:
        warm(PACKAGE, served, hosting, clock)
    if status != "absent":
        assert caught.value.facts["status"] == status
