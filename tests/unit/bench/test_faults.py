"""The fault injector: whose call it is, which fault strikes it, and what the function sees."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.faults import injector as injecting
from bench.faults.__main__ import Trial, figures, trials
from bench.faults.calls import Call, action_in, caller_of
from bench.faults.injector import LASTING, PASSING, REFUSALS, Fault, Injector, Kind
from bench.faults.kept import Kept
from bench.faults.processes import kill, of_function, processes
from bench.faults.stories import GOOD, REFUSED
from local.cloud import sessions
from local.cloud.access.request import Request

PUT = Call("notify-owner", "dynamodb:PutItem", 2)
KEY = "ASIAFUNCTIONKEY00000"
SCOPE = f"{KEY}/20261129/us-east-1/dynamodb/aws4_request"
AUTHORIZATION = f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature={'0' * 64}"


def request(method: str = "POST", path: str = "/", **headers: str) -> Request:
    listed = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request(method, path, [], listed)


class Table:
    """An ASGI application that has its effect on every request."""

    def __init__(self) -> None:
        self.written = 0

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"{}"
        self.written += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"written"})


class Function:
    """A function's process that puts items, and sees the answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.table = Table()
        self.injector = Injector(self.table)
        self.killed: list[str] = []
        monkeypatch.setattr(injecting, "kill_function", self.killed.append)
        monkeypatch.setitem(sessions._functions, KEY, "likeness-notify-owner")  # noqa: SLF001

    def put(self, authorization: str = AUTHORIZATION) -> tuple[int | None, bytes]:
        """Return status and body of the answer; None: there was none."""
        got: list[Any] = []
        headers = {"authorization": authorization, "x-amz-target": "DynamoDB_20120810.PutItem"}

        async def receive() -> Any:
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: Any) -> None:
            got.append(message)

        scope = {
            "type": "http", "method": "POST", "raw_path": b"/", "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        asyncio.run(self.injector(scope, receive, send))
        return (got[0]["status"], got[1]["body"]) if got else (None, b"")


@pytest.fixture(name="function")
def _function(monkeypatch: pytest.MonkeyPatch) -> Function:
    return Function(monkeypatch)


def test_calls_are_counted_by_function_and_action(function: Function) -> None:
    function.injector.begin()
    assert [function.put()[0] for _ in range(2)] == [200, 200]
    assert function.put(AUTHORIZATION.replace(KEY, "AKIAOPERATOR00000000"))[0] == 200
    numbers = [str(call) for call in function.injector.calls()]
    assert numbers == [f"notify-owner dynamodb:PutItem {number}" for number in (1, 2)]
    assert function.injector.struck == 0


@pytest.mark.parametrize(
    ("kind", "statuses", "written", "killed"),
    [
        ("killed before", [200, None, 200, 200], 3, 1),
        ("killed after", [200, None, 200, 200], 4, 1),
        ("answer lost", [200, 500, 200, 200], 4, 0),
        ("throttled", [200, 400, 400, 200], 2, 0),
        ("server error", [200, 500, 500, 200], 2, 0),
        ("denied", [403, 403, 403, 403], 0, 0),
        ("throttled for ever", [400, 400, 400, 400], 0, 0),
    ],
)
def test_a_fault_strikes_the_call_that_it_names(
    function: Function, kind: Kind, statuses: list[int | None], written: int, killed: int
) -> None:
    function.injector.begin(Fault(kind, PUT))
    assert [function.put()[0] for _ in range(4)] == statuses
    assert function.table.written == written
    assert function.killed == ["likeness-notify-owner"] * killed
    assert function.injector.struck == (killed or statuses.count(None) or 4 - statuses.count(200))


def test_a_function_is_killed_on_its_own_laptop_aws_alone() -> None:
    program = [sys.executable, "-c", "input()"]
    ours, other = (
        subprocess.Popen([*program, f"/{port}/likeness-killed-in-a-test/"], stdin=subprocess.PIPE)
        for port in (1, 2)
    )
    with ours, other:
        assert kill(processes(of_function(1, "likeness-killed-in-a-test/"))) == [ours.pid]
        assert ours.wait(60) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()


def test_the_sdk_gives_up_later_than_a_passing_fault() -> None:
    assert REFUSALS < 3, "botocore's standard mode tries three times"


def test_an_error_is_of_the_services_own_form(function: Function) -> None:
    function.injector.begin(Fault("throttled for ever", PUT))
    body = json.loads(function.put()[1])
    assert body["__type"] == "ThrottlingException"
    function.injector.heal()
    assert function.put() == (200, b"written")


@pytest.mark.parametrize(
    ("asked", "service", "body", "action"),
    [
        (request(x_amz_target="AWSEvents.PutEvents"), "events", b"{}", "events:PutEvents"),
        (request("PUT", "/uploads/a.jpg"), "s3", b"", "s3:PUT"),
        (Request("GET", "/uploads", [("list-type", "2")], []), "s3", b"", "s3:GET?list-type"),
        (
            request(content_type="application/x-www-form-urlencoded; charset=utf-8"),
            *("sns", b"Action=Publish&Message=x", "sns:Publish"),
        ),
        (request("POST", "/endpoints/e/invocations"), "sagemaker", b"", "sagemaker:invocations"),
    ],
)
def test_an_action_is_read_in_every_protocol(
    asked: Request, service: str, body: bytes, action: str
) -> None:
    assert action_in(asked, service, body) == action


def test_a_request_without_a_signature_is_nobodys() -> None:
    assert caller_of(request("GET", "/_ministack/health"), "likeness") is None


def test_the_sweep_has_every_call_and_the_outages_every_action() -> None:
    calls = {GOOD: [PUT, Call("notify-owner", "dynamodb:PutItem", 1)], REFUSED: [PUT]}
    sweep = [trial.name for trial in trials("sweep", calls)]
    assert len(set(sweep)) == len(sweep) == 3 * len(PASSING)
    outages = list(trials("outages", calls))
    assert [trial.fault.call.number for trial in outages] == [1] * len(LASTING)


def test_trials_are_kept_until_the_sources_change(tmp_path: Path) -> None:
    file = tmp_path / "reports" / "kept.json"
    Kept("a", file).keep("one", ["lost"])
    assert Kept("a", file).trials == {"one": ["lost"]}
    assert Kept("b", file).trials == {}


def test_a_trial_that_was_not_tried_misses_the_target(tmp_path: Path) -> None:
    chosen = [Trial(GOOD, Fault(kind, PUT)) for kind in PASSING[:3]]
    kept = Kept("a", tmp_path / "kept.json")
    kept.keep(chosen[0].name, [])
    kept.keep(chosen[1].name, ["not reached"])
    tried, away, wrong = figures("sweep", chosen, kept)
    assert (tried.value, tried.met) == (2, False)
    assert (away.value, away.met) == (1, None)
    assert (wrong.value, wrong.met) == (0, True)
    kept.keep(chosen[2].name, ["0 messages"])
    assert [figure.met for figure in figures("sweep", chosen, kept)] == [True, None, False]
