"""aws.endpoint.invoker: what SageMaker's runtime says, in the workflow's words."""

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from aws.endpoint.invoker import SageMakerEndpointInvoker
from contracts.errors import EndpointMissingError, ModelNotReadyError, WarmUpFailedError
from local.cloud.server import Cloud

TARGET = "0" * 32 + "-" + "a" * 12 + ".tar.gz"


class Runtime:
    """A sagemaker-runtime client that answers what it was given."""

    def __init__(self, answer: Exception | bytes) -> None:
        self.answer = answer
        self.calls: list[dict[str, Any]] = []

    def invoke_endpoint(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Body": io.BytesIO(self.answer)}


def refusal(code: str, message: str = "", **more: Any) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, **more},
        "InvokeEndpoint",
    )


def container_says(status: int) -> ClientError:
    return refusal("ModelError", "Received server error", OriginalStatusCode=status)


def ask(answer: Exception | bytes) -> bytes:
    return SageMakerEndpointInvoker("endpoint", Runtime(answer)).invoke(TARGET, b"{}")


def test_the_answer_of_the_model_is_handed_on() -> None:
    runtime = Runtime(b"picture")
    assert SageMakerEndpointInvoker("endpoint", runtime).invoke(TARGET, b"{}") == b"picture"
    assert runtime.calls[0]["TargetModel"] == TARGET


@pytest.mark.parametrize(
    "error",
    [
        refusal("ModelNotReadyException"),
        refusal("ServiceUnavailable"),
        refusal("InternalFailure"),
        refusal("ThrottlingException"),
        container_says(507),
        container_says(500),
        container_says(0),
        refusal(
            "ModelError",
            OriginalStatusCode=400,
            OriginalMessage='{"error":"likeness/busy: the base has too many requests, try again"}',
        ),
        refusal(
            "ModelError",
            OriginalStatusCode=404,
            OriginalMessage='{"error":"likeness/model_unloaded: the model is being unloaded"}',
        ),
        refusal(
            "ModelError",
            OriginalStatusCode=404,
            OriginalMessage="Request for unknown model: 'm' has no available versions",
        ),
        ReadTimeoutError(endpoint_url="x"),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    with pytest.raises(ModelNotReadyError):
        ask(error)


@pytest.mark.parametrize(
    "error",
    [container_says(400), container_says(404), refusal("ValidationError", "Failed to download")],
    ids=repr,
)
def test_what_will_not_pass_is_final(error: Exception) -> None:
    with pytest.raises(WarmUpFailedError):
        ask(error)


def test_the_models_own_words_go_no_further() -> None:
    with pytest.raises(WarmUpFailedError) as caught:
        ask(refusal("ModelError", "a prompt", OriginalStatusCode=400, OriginalMessage="a prompt"))
    assert "prompt" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("height, width: multiples of 16", {"picture_argument": "height"}),
        ("prompt: a weight is beyond 10", {"picture_argument": "prompt"}),
        ("gen_args: unknown name", {}),
        ("anna: unknown", {}),
    ],
)
def test_of_a_refused_argument_only_its_known_name_is_kept(
    words: str, more: dict[str, str]
) -> None:
    message = f'{{"error":"likeness/invalid_argument: {words}"}}'
    with pytest.raises(WarmUpFailedError) as caught:
        ask(refusal("ModelError", OriginalStatusCode=400, OriginalMessage=message))
    code = {"code": "warm_up_failed", "picture_code": "invalid_argument"}
    assert caught.value.facts == code | more


def test_of_the_models_words_only_a_known_code_is_kept() -> None:
    words = '{"error":"likeness/unsafe_picture: the safety checker refused a prompt"}'
    with pytest.raises(WarmUpFailedError) as caught:
        ask(refusal("ModelError", OriginalStatusCode=400, OriginalMessage=words))
    assert caught.value.facts == {"code": "warm_up_failed", "picture_code": "unsafe_picture"}
    unknown = words.replace("unsafe_picture", "a_prompt")
    with pytest.raises(WarmUpFailedError) as caught:
        ask(refusal("ModelError", OriginalStatusCode=400, OriginalMessage=unknown))
    assert "prompt" not in str(caught.value)


def test_an_endpoint_that_does_not_exist_is_missing(cloud: Cloud) -> None:
    endpoint = SageMakerEndpointInvoker("nowhere", cloud.client("sagemaker-runtime"))
    with pytest.raises(EndpointMissingError):
        endpoint.invoke(TARGET, b"{}")
