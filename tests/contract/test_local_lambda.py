"""The laptop runs a function as Lambda does: its code, variables, layer, log and errors."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud import RUNTIME, archive, eventually, role

if TYPE_CHECKING:
    from local.cloud.server import Cloud

HANDLER = """
import os, sys

class NoCapacityError(Exception): pass

calls = 0

def environment(event, context): return dict(os.environ)
def count(event, context):
    global calls
    calls += 1
    if event.get("fail"): raise NoCapacityError("none left")
    return calls
def context(event, context):
    print("printed by the handler")
    return [context.function_name, context.aws_request_id, context.get_remaining_time_in_millis()]
def imported(event, context):
    import importlib.util
    return {name: importlib.util.find_spec(name) is not None for name in event}
def unwritable(event, context): return {1, 2}
def leave(event, context): sys.exit(3)
"""


class Functions:
    """Makes functions and calls them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._client = cloud.client("lambda")
        self._role = role(cloud, "lambda-tests")

    def make(self, name: str, handler: str, source: str = HANDLER, **fields: Any) -> str:
        self._client.create_function(
            FunctionName=name, Role=self._role, Handler=handler,
            Code={"ZipFile": archive(app=source)}, **{"Runtime": RUNTIME, **fields},
        )  # fmt: skip
        return name

    def call(self, name: str, event: Any = None) -> tuple[Any, str | None]:
        """Return the answer and the kind of error that Lambda reports."""
        sent = json.dumps({} if event is None else event)
        answer = self._client.invoke(FunctionName=name, Payload=sent)
        return json.load(answer["Payload"]), answer.get("FunctionError")

    def log(self, name: str) -> list[str]:
        logs, group = self._cloud.client("logs"), f"/aws/lambda/{name}"
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in events]


@pytest.fixture(scope="module")
def functions(cloud: Cloud) -> Functions:
    return Functions(cloud)


def test_a_function_sees_its_own_variables_and_no_secret_of_the_host(functions: Functions) -> None:
    os.environ["SECRET_OF_THE_HOST"] = "hush"
    name = functions.make("env", "app.environment", Environment={"Variables": {"OWN": "1"}})
    seen, _ = functions.call(name)
    del os.environ["SECRET_OF_THE_HOST"]
    assert seen["OWN"] == "1"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "env"
    assert "hush" not in seen.values()
    assert not {"VIRTUAL_ENV", "PYTHONPATH", "USER", "GATEWAY_PORT", "AUTH"} & set(seen)
    assert seen["AWS_ACCESS_KEY_ID"].startswith("ASIA")


def test_a_function_can_import_boto3_and_nothing_of_the_server(functions: Functions) -> None:
    name = functions.make("imports", "app.imported")
    found, _ = functions.call(name, ["boto3", "app", "ministack", "pydantic", "hypercorn", "local"])
    assert [name for name, there in found.items() if there] == ["boto3", "app"]


def test_an_exception_keeps_the_worker_and_its_class_name(functions: Functions) -> None:
    name = functions.make("count", "app.count")
    first, _ = functions.call(name)
    error, kind = functions.call(name, {"fail": True})
    third, _ = functions.call(name)
    assert (first, third) == (1, 3)
    assert (kind, error["errorType"], error["errorMessage"]) == (
        "Unhandled", "NoCapacityError", "none left",
    )  # fmt: skip
    assert "app.py" in error["stackTrace"][0]


def test_what_a_function_prints_and_raises_is_in_its_log_group(functions: Functions) -> None:
    name = functions.make("talks", "app.context", Timeout=100)
    (shown, request, left), _ = functions.call(name)
    assert shown == name
    assert 0 < left <= 100_000
    report = f"REPORT RequestId: {request}"
    eventually(lambda: any(line.startswith(report) for line in functions.log(name)))
    assert "printed by the handler" in functions.log(name)
    failing = functions.make("raises", "app.count")
    functions.call(failing, {"fail": True})
    eventually(lambda: "[ERROR] NoCapacityError: none left" in functions.log(failing))


@pytest.mark.parametrize(
    ("name", "handler", "source", "error"),
    [
        ("noimport", "app.handler", "import nowhere_to_be_found", "Runtime.ImportModuleError"),
        ("nohandler", "app.absent", HANDLER, "Runtime.HandlerNotFound"),
        ("initfails", "app.handler", "raise ValueError('early')", "ValueError"),
        ("unwritable", "app.unwritable", HANDLER, "Runtime.MarshalError"),
        ("leaves", "app.leave", HANDLER, "Runtime.ExitError"),
    ],
)
def test_a_broken_function_has_the_error_name_that_lambda_gives_it(
    functions: Functions, name: str, handler: str, source: str, error: str
) -> None:
    functions.make(name, handler, source)
    for _ in range(2):
        answer, kind = functions.call(name)
        assert (answer["errorType"], kind) == (error, "Unhandled")


def test_a_function_for_another_python_is_refused_with_what_to_do(functions: Functions) -> None:
    functions.make("other", "app.count", Runtime="python3.9")
    answer, kind = functions.call("other")
    assert kind == "Unhandled"
    assert f"deploy with LambdaRuntime={RUNTIME}" in answer["errorMessage"]


def test_a_layer_is_found_and_the_function_s_own_code_comes_first(
    functions: Functions, cloud: Cloud
) -> None:
    layer = archive(**{"python/layered": "WHO = 'layer'", "python/app_twin": "WHO = 'layer'"})
    published = cloud.client("lambda").publish_layer_version(
        LayerName="tests", Content={"ZipFile": layer}
    )
    source = "import layered, app_twin\ndef handler(e, c): return [layered.WHO, app_twin.WHO]"
    functions.make("layers", "app.handler", source, Layers=[published["LayerVersionArn"]])
    assert functions.call("layers")[0] == ["layer", "layer"]
