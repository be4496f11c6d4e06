"""The laptop runs a function as Lambda does: its code, variables, layer, log and errors."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.cloud.lambdas.worker_queue import WORKERS_PER_FUNCTION
from tests.cloud import EVERYTHING, RUNTIME, archive, eventually, role

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
def large(event, context): return "x" * event["size"]
def reserve(event, context): return len(bytearray(event["bytes"]))
def start_child(event, context):
    import subprocess
    work = "import time; kept = bytearray(%d); time.sleep(300)" % event["bytes"]
    return subprocess.run([sys.executable, "-c", work]).returncode
def child_without_path(event, context):
    import subprocess
    return subprocess.run([sys.executable, "-c", ""], env={}).returncode
def leave_a_file(event, context):
    import tempfile
    path = os.path.join(tempfile.gettempdir(), "kept")
    there = os.path.exists(path)
    open(path, "w").close()
    return [there, path]
def write_to_code(event, context):
    try:
        open(os.path.join(os.environ["LAMBDA_TASK_ROOT"], event["file"]), "w")
    except OSError as error:
        return type(error).__name__
def sleep(event, context):
    import time
    time.sleep(event["seconds"])
def stream(event, context): return context.log_stream_name
def call_itself(event, context):
    import json, boto3
    if event["depth"] == 0: return "the last"
    payload = json.dumps({"depth": event["depth"] - 1})
    called = boto3.client("lambda").invoke(FunctionName=context.function_name, Payload=payload)
    return json.load(called["Payload"])
def read_input(event, context): return sys.stdin.read()
def close_output(event, context): os.close(2)
"""


class Functions:
    """Makes functions and calls them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._client = cloud.client("lambda")
        self._role = role(cloud, "lambda-tests", EVERYTHING)

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

    def calls(self, name: str) -> int:
        """Return how many invocations have ended."""
        try:
            return sum(line.startswith("REPORT") for line in self.log(name))
        except ClientError:  # no log group before the first
            return 0

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


MIB = 1024 * 1024


def test_a_function_has_the_variables_that_lambda_sets(functions: Functions) -> None:
    name = functions.make("set", "app.environment", MemorySize=256, Environment={
        "Variables": {"LANG": "own", "AWS_LAMBDA_FUNCTION_NAME": "forged"},
    })  # fmt: skip
    seen, _ = functions.call(name)
    assert seen["LANG"] == "own"
    wanted = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "set",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/set",
        "_HANDLER": "app.environment",
        "TZ": ":UTC",
    }
    assert {key: seen[key] for key in wanted} == wanted
    assert {"AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_TASK_ROOT", "LD_LIBRARY_PATH"} <= set(seen)


def test_a_child_of_a_function_starts_only_with_the_library_path(functions: Functions) -> None:
    assert functions.call(functions.make("bare", "app.child_without_path"))[0] == 127
    given = functions.call(functions.make("given", "app.start_child"), {"bytes": -1})[0]
    assert given == 1, "it started, and Python refused a negative size"


@pytest.mark.parametrize("handler", ["reserve", "start_child"])
def test_a_function_that_needs_more_than_its_memory_is_killed(
    functions: Functions, handler: str
) -> None:
    name = functions.make(f"hungry-{handler}", f"app.{handler}", MemorySize=128, Timeout=200)
    answer, kind = functions.call(name, {"bytes": 200 * MIB})
    assert (answer["errorType"], kind) == ("Runtime.ExitError", "Unhandled")
    assert answer["errorMessage"].endswith("Runtime exited with error: signal: killed")
    report = next(line for line in functions.log(name) if line.startswith("REPORT"))
    words = "\tMax Memory Used: 128 MB\tInit Duration:", "\tError Type: Runtime.OutOfMemory"
    assert words[0] in report
    assert report.endswith(f"\tStatus: error{words[1]}")


def test_a_function_within_its_memory_goes_on(functions: Functions) -> None:
    name = functions.make("modest", "app.reserve", MemorySize=256)
    assert functions.call(name, {"bytes": 150 * MIB}) == (150 * MIB, None)
    report = next(line for line in functions.log(name) if line.startswith("REPORT"))
    used = int(report.split("Max Memory Used: ")[1].split(" MB")[0])
    assert 150 <= used < 256


def test_an_answer_has_at_most_6_mb(functions: Functions) -> None:
    name = functions.make("wordy", "app.large", MemorySize=512)
    most = 6_291_556 - len('""')
    assert functions.call(name, {"size": most}) == ("x" * most, None)
    answer, kind = functions.call(name, {"size": most + 1})
    assert (answer["errorType"], kind) == ("Function.ResponseSizeTooLarge", "Unhandled")
    assert answer["errorMessage"] == (
        "Response payload size (6291557 bytes) exceeded maximum allowed payload size"
        " (6291556 bytes)."
    )


@pytest.mark.parametrize(
    ("kind", "limit"), [("RequestResponse", 6 * MIB), ("Event", MIB)], ids=["waiting", "event"]
)
def test_a_request_that_is_too_large_is_refused(
    functions: Functions, cloud: Cloud, kind: str, limit: int
) -> None:
    name = functions.make(f"asked-{kind}", "app.count", MemorySize=256)
    client, fits = cloud.client("lambda"), b'"' + b"x" * (limit - 2) + b'"'
    client.invoke(FunctionName=name, InvocationType=kind, Payload=fits)
    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName=name, InvocationType=kind, Payload=fits + b" ")
    error = refused.value.response
    assert error["Error"]["Code"] == "RequestEntityTooLargeException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_warm_environment_keeps_its_tmp_and_its_log_stream(
    functions: Functions, cloud: Cloud
) -> None:
    name = functions.make("warm", "app.leave_a_file")
    (first, path), (second, again) = (functions.call(name)[0] for _ in range(2))
    assert (first, second, path) == (False, True, again)
    group = f"/aws/lambda/{name}"
    streams = cloud.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    assert [stream["logStreamName"].count("[$LATEST]") for stream in streams] == [1]
    assert [line.split()[0] for line in functions.log(name)] == ["START", "END", "REPORT"] * 2
    assert ["Init Duration" in line for line in functions.log(name)[2::3]] == [True, False]


def test_after_an_end_the_environment_is_a_new_one(functions: Functions) -> None:
    source = (
        HANDLER.replace("def leave(event", "def ended(event")
        + """
def handler(event, context):
    if event.get("end"): return ended(event, context)
    return [*leave_a_file(event, context), stream(event, context)]
"""
    )
    name = functions.make("replaced", "app.handler", source)
    before = functions.call(name)[0]
    assert functions.call(name, {"end": True})[0]["errorMessage"].endswith("exit status 3")
    after = functions.call(name)[0]
    assert (before[0], after[0]) == (False, False)
    assert before[1:] != after[1:]


def test_a_function_cannot_write_to_its_code(functions: Functions) -> None:
    name = functions.make("unwriting", "app.write_to_code")
    assert functions.call(name, {"file": "new"})[0] == "PermissionError"
    assert functions.call(name, {"file": "app.py"})[0] == "PermissionError"


def test_a_function_that_is_too_slow_is_ended_and_its_log_says_so(functions: Functions) -> None:
    name = functions.make("slow", "app.sleep", Timeout=1)
    answer, _ = functions.call(name, {"seconds": 300})
    assert answer["errorType"] == "Sandbox.Timedout"
    assert answer["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    start, words, end, report = functions.log(name)
    assert [start[:5], end[:3]] == ["START", "END"]
    assert words.endswith("Task timed out after 1.00 seconds")
    assert report.endswith("\tStatus: timeout")


def test_a_function_may_call_itself_deeper_than_it_has_places(functions: Functions) -> None:
    name = functions.make("self", "app.call_itself", Timeout=200, MemorySize=256)
    depth = WORKERS_PER_FUNCTION + 1
    assert functions.call(name, {"depth": depth})[0] == "the last"


def test_a_function_reads_no_input_and_may_close_its_output(functions: Functions) -> None:
    assert functions.call(functions.make("reads", "app.read_input"))[0] == ""
    name = functions.make("closes", "app.close_output")
    assert functions.call(name) == (None, None)
    assert functions.call(name)[0]["errorType"] == "OSError", (
        "it is closed, and the process goes on"
    )


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


def test_a_rule_calls_only_a_function_that_permits_it(functions: Functions, cloud: Cloud) -> None:
    source = "def handler(event, context): print('called by', event['source'])"
    name, events = functions.make("ruled", "app.handler", source), cloud.client("events")
    client = cloud.client("lambda")
    target = client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    arns = {}
    for rule in ("permitted", "unpermitted"):
        pattern = json.dumps({"source": [rule]})
        arns[rule] = events.put_rule(Name=rule, EventPattern=pattern)["RuleArn"]
        events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": target}])
    client.add_permission(
        FunctionName=name, StatementId="1", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=arns["permitted"],
    )  # fmt: skip
    for rule in ("unpermitted", "permitted"):
        events.put_events(Entries=[{"Source": rule, "DetailType": "x", "Detail": "{}"}])
    eventually(lambda: functions.calls(name) == 1)
    callers = [line.strip() for line in functions.log(name) if line.startswith("called by")]
    assert callers == ["called by permitted"]
    events.put_events(Entries=[{"Source": "permitted", "DetailType": "x", "Detail": "{}"}])
    eventually(lambda: functions.calls(name) == 2)
