"""The front before a Triton with memory: every order of load, unload, request and death."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError
from aiohttp.test_utils import TestClient, TestServer

from serving.departures import Departures, is_meant, model_name
from serving.front import models
from serving.front.app import Front
from serving.front.errors import LOST
from serving.front.processes import BaseProcess, Stub, find_stub
from serving.front.settings import FrontSettings
from serving.front.watch import REVIVAL_SECONDS, Watch
from serving.front.wire import Message, name_request, restore_answer
from tests.fakes.triton_server import MemoryTriton

PATIENCE_SECONDS = 100
"""Time limit of each test; what is tested is the order of events."""

BODY = json.dumps({"inputs": [{"name": "prompt", "data": ["{a}"]}]}).encode()
BINARY = "application/vnd.sagemaker-triton.binary+json;json-header-size="
JSON = {"Content-Type": "application/json"}
UNLOADED = "likeness/model_unloaded: the model is being unloaded, try again in some seconds"


class Stack:
    """A front before a Triton with memory."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.triton = MemoryTriton(folder)
        self.settings = settings
        self.gave_up = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Stack"]:
        """Start both."""
        server = TestServer(self.triton.application())
        await server.start_server()
        chosen: dict[str, Any] = {"request_seconds": 600.0, "drain_seconds": 0.0, **self.settings}
        settings = FrontSettings(0, int(server.port or 0), "127.0.0.1", **chosen)
        self.front = Front(settings, self.folder, self.give_up)
        async with TestClient(TestServer(self.front.application())) as self.client:
            self.front.settled = 0.0
            yield self
        await server.close()

    def give_up(self) -> None:
        self.gave_up += 1

    def package(self, name: str) -> Path:
        """Write a package as SageMaker unpacks it."""
        folder = self.folder / name / "likeness"
        (folder / "1").mkdir(parents=True, exist_ok=True)
        for file in ("config.pbtxt", "1/model.py"):
            (folder / file).touch()
        return folder.parent

    async def load(self, name: str) -> int:
        body = {"model_name": name, "url": str(self.package(name))}
        return (await self.client.post("/models", json=body)).status

    async def unload(self, name: str) -> int:
        return (await self.client.delete(f"/models/{name}")).status

    async def ask(self, name: str, body: bytes = BODY, **headers: str) -> tuple[int, str]:
        """Return an answer's status and text."""
        given = headers or JSON
        answer = await self.client.post(f"/models/{name}/invoke", data=body, headers=given)
        return answer.status, await answer.text()

    def begin(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Start something; return when it has had its turn."""
        return asyncio.ensure_future(work)

    async def in_flight(self, name: str) -> "asyncio.Task[tuple[int, str]]":
        """Return a request that Triton has."""
        self.triton.arrived.clear()
        task = self.begin(self.ask(name))
        await self.triton.arrived.wait()
        return task


Story = Callable[[Stack], Awaitable[None]]


def play(folder: Path, story: Story, **settings: Any) -> None:
    """Run a story with a stack."""

    async def whole() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), Stack(folder, **settings).running() as stack:
            assert await stack.load("m") == 200
            await story(stack)

    asyncio.run(whole())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    for _ in iter(condition, True):
        await asyncio.sleep(0.01)


def start_process() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "600"])


def end_process(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def error_of(text: str) -> str:
    return str(json.loads(text)["error"])


# ---- orders of load, unload, request -------------------------------------------------------


def test_a_request_that_ends_in_time_is_answered_before_its_model_is_unloaded(
    tmp_path: Path,
) -> None:
    async def story(stack: Stack) -> None:
        asked = await stack.in_flight("m")
        unloading = stack.begin(stack.unload("m"))
        await asyncio.sleep(0.05)
        stack.triton.release.set()
        assert (await asked)[0] == 200
        assert await unloading == 200
        assert stack.triton.calls == ["load m", "answer m", "unload m"]

    play(tmp_path, story, drain_seconds=60.0)


def test_a_request_that_does_not_end_in_time_is_dropped_and_may_come_again(
    tmp_path: Path,
) -> None:
    async def story(stack: Stack) -> None:
        asked = await stack.in_flight("m")
        assert await stack.unload("m") == 200
        status, text = await asked
        assert (status, error_of(text)) == (404, UNLOADED)
        assert not stack.triton.hung
        assert await stack.load("m") == 200
        stack.triton.release.set()
        assert (await stack.ask("m"))[0] == 200

    play(tmp_path, story)


def test_a_request_that_comes_while_its_model_is_unloaded_is_answered_at_once(
    tmp_path: Path,
) -> None:
    async def story(stack: Stack) -> None:
        asked = await stack.in_flight("m")
        unloading = stack.begin(stack.unload("m"))
        await until(lambda: stack.front.models.of("m").closing)
        status, text = await stack.ask("m")
        assert (status, error_of(text)) == (404, UNLOADED)
        assert not asked.done()
        stack.triton.release.set()
        assert (await asked)[0] == 200
        assert await unloading == 200

    play(tmp_path, story, drain_seconds=60.0)


def test_a_load_waits_for_the_unload_that_came_before(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        asked = await stack.in_flight("m")
        unloading = stack.begin(stack.unload("m"))
        await until(lambda: stack.front.models.of("m").closing)
        loading = stack.begin(stack.load("m"))
        stack.triton.release.set()
        assert list(await asyncio.gather(unloading, loading)) == [200, 200]
        assert (await asked)[0] == 200
        assert stack.triton.calls == ["load m", "answer m", "unload m", "load m"]

    play(tmp_path, story, drain_seconds=60.0)


def test_an_unload_waits_for_the_load_that_came_before(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        stack.triton.load_seconds = 0.1
        loading = stack.begin(stack.load("other"))
        await until(stack.front.models.of("other").lock.locked)
        assert await stack.unload("other") == 200
        assert await loading == 200
        assert stack.triton.calls == ["load m", "load other", "unload other"]

    play(tmp_path, story)


def test_an_unload_does_not_wait_for_ever_for_a_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "LOADING_SECONDS", 0.05)

    async def story(stack: Stack) -> None:
        stack.triton.load_seconds = 1.0
        loading = stack.begin(stack.load("other"))
        await until(stack.front.models.of("other").lock.locked)
        assert await stack.unload("other") == 409
        assert await loading == 200
        assert await stack.unload("other") == 200

    play(tmp_path, story)


def test_two_unloads_of_one_model_are_one(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        asked = await stack.in_flight("m")
        assert list(await asyncio.gather(stack.unload("m"), stack.unload("m"))) == [200, 200]
        assert (await asked)[0] == 404
        assert stack.triton.calls.count("unload m") == 1
        assert await stack.unload("m") == 404

    play(tmp_path, story)


def test_an_unload_of_one_model_leaves_the_requests_of_others(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        await stack.load("other")
        asked = await stack.in_flight("other")
        assert await stack.unload("m") == 200
        stack.triton.release.set()
        assert (await asked)[0] == 200

    play(tmp_path, story)


def test_requests_of_packages_that_pass_no_id_on_are_dropped_by_their_folder(
    tmp_path: Path,
) -> None:
    async def story(stack: Stack) -> None:
        stack.front.models.of("m").stub = Stub(os.getpid(), str(stack.package("m")))
        asked = stack.begin(stack.ask("m", b'{"id": 7}'))  # Triton's to refuse, so it gets no id
        await stack.triton.arrived.wait()
        assert await stack.unload("m") == 200
        assert (await asked)[0] == 404

    play(tmp_path, story)


# ---- callers that go, and deadlines --------------------------------------------------------


def test_a_caller_that_goes_takes_its_work_along(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        asked = await stack.in_flight("m")
        asked.cancel()
        with suppress(asyncio.CancelledError, ClientError):
            await asked
        await until(lambda: not stack.triton.flying["m"])
        assert stack.triton.calls == ["load m", "answer m"]
        assert not stack.triton.release.is_set()

    play(tmp_path, story)


def test_a_request_whose_time_is_over_is_answered_and_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.front.app.GRACE_SECONDS", 0.0)

    async def story(stack: Stack) -> None:
        stack.triton.deaf.add("m")
        status, text = await stack.ask("m")
        assert status == 400
        assert error_of(text).startswith("likeness/not_in_time: ")
        assert list(stack.front.departures.folder.iterdir())

    play(tmp_path, story, request_seconds=0.1)


# ---- deaths --------------------------------------------------------------------------------


def test_callers_of_a_model_whose_process_died_are_answered(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        process = start_process()
        stack.front.models.of("m").stub = Stub(process.pid, str(stack.package("m")))
        stack.triton.deaf.add("m")
        asked = await stack.in_flight("m")
        stack.front.watch.look(0)
        assert not asked.done()
        end_process(process)
        stack.front.watch.look(1)
        assert not stack.front.models.flights()[0].verdict.done(), "Triton may say so itself"
        stack.front.watch.look(1.1 + REVIVAL_SECONDS)
        assert await asked == (LOST.status, LOST.body.decode())
        assert stack.gave_up == 0, "others are still answered"

    play(tmp_path, story)


def test_a_model_with_a_request_that_a_dead_base_held_is_never_unloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "DROP_SECONDS", 0.05)

    async def story(stack: Stack) -> None:
        stack.triton.deaf.add("m")
        asked = await stack.in_flight("m")
        (flight,) = stack.front.models.flights()
        flight.lose()
        assert (await asked)[0] == 503
        assert await stack.unload("m") == 503
        assert stack.gave_up == 1
        assert not stack.triton.hung

    play(tmp_path, story)


@pytest.mark.parametrize("flying", [False, True])
def test_an_unload_that_triton_would_never_end_ends_the_container(
    tmp_path: Path, *, flying: bool
) -> None:
    async def story(stack: Stack) -> None:
        process = start_process()
        stack.front.models.of("m").stub = Stub(process.pid, str(stack.package("m")))
        asked = await stack.in_flight("m") if flying else None
        end_process(process)
        assert await stack.unload("m") == 503
        assert stack.gave_up == 1
        assert not stack.triton.hung
        stack.triton.release.set()
        if asked:
            await asked

    play(tmp_path, story)


def test_the_process_of_a_model_that_was_unloaded_is_not_dead(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        process = start_process()
        stack.front.models.of("m").stub = Stub(process.pid, str(stack.package("m")))
        assert await stack.unload("m") == 200
        end_process(process)
        assert await stack.unload("m") == 404
        assert stack.gave_up == 0

    play(tmp_path, story)


def test_a_model_whose_process_died_can_only_be_had_from_a_new_container(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        stack.triton.dead.add("m")
        assert await stack.ask("m") == (LOST.status, LOST.body.decode())
        assert stack.gave_up == 1

    play(tmp_path, story)


def test_callers_of_a_base_that_died_are_answered_unless_the_next_one_does(
    tmp_path: Path,
) -> None:
    async def story(stack: Stack) -> None:
        process = start_process()
        stack.front.base.pid_file.write_text(str(process.pid))
        stack.triton.deaf.add("m")
        asked = await stack.in_flight("m")
        end_process(process)
        stack.front.watch.look(10)
        stack.front.watch.look(10 + REVIVAL_SECONDS)
        assert not stack.front.models.flights()[0].verdict.done()
        stack.front.watch.look(10.1 + REVIVAL_SECONDS)
        assert (await asked)[0] == 503

    play(tmp_path, story)


def test_a_base_that_lives_loses_nobody(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        process = start_process()
        stack.front.base.pid_file.write_text(str(process.pid))
        asked = await stack.in_flight("m")
        for now in range(0, 100, 9):
            stack.front.watch.look(now)
        stack.triton.release.set()
        assert (await asked)[0] == 200
        end_process(process)

    play(tmp_path, story)


def test_a_tritonserver_that_has_gone_is_said_to_be_started() -> None:
    assert LOST.status == 503
    assert b"likeness/base_unavailable: " in LOST.body


def test_the_next_front_drops_what_the_dead_one_had(tmp_path: Path) -> None:
    settings = FrontSettings(0, 1, "127.0.0.1", request_seconds=1)
    (tmp_path / "front.pid").write_text("f99.")
    front = Front(settings, tmp_path, lambda: None)
    names = front.departures.take()
    assert names == ["f99."]
    assert is_meant(names, "f99.12", b"/m/likeness/1/adapter")
    assert not is_meant(names, f"{front.prefix}1", b"/m/likeness/1/adapter")


def test_a_watch_forgets_bases_whose_requests_have_ended(tmp_path: Path) -> None:
    known = models.Models(Departures(tmp_path), 0, lambda: None, "likeness_0_")
    watch = Watch(known, BaseProcess(tmp_path / "base.pid"))
    watch.orphans = {"7": 0.0}
    watch.look(100)
    assert watch.orphans == {}


def test_no_process_is_found_for_a_model_that_has_none() -> None:
    assert find_stub("m", "likeness_0_") is None


# ---- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"model_name": 1, "url": "/"}', b"[" * 9999])
def test_a_load_that_would_end_triton_is_refused(tmp_path: Path, body: bytes) -> None:
    async def story(stack: Stack) -> None:
        answer = await stack.client.post("/models", data=body)
        assert answer.status == 400
        assert "likeness/invalid_argument" in await answer.text()
        assert stack.triton.calls == ["load m"]

    play(tmp_path, story)


def test_a_package_without_a_model_is_refused_since_triton_would_not_answer(
    tmp_path: Path,
) -> None:
    async def story(stack: Stack) -> None:
        (stack.package("other") / "likeness/1/model.py").unlink()
        body = {"model_name": "other", "url": str(tmp_path / "other")}
        answer = await stack.client.post("/models", json=body)
        assert answer.status == 400
        assert "likeness/adapter_invalid" in await answer.text()

    play(tmp_path, story)


def test_a_request_above_sagemaker_s_limit_is_refused_in_our_words(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        status, text = await stack.ask("m", b"a" * 2001)
        assert status == 413
        assert error_of(text) == "likeness/invalid_argument: the request: at most 2000 bytes"
        assert stack.triton.bodies == []

    play(tmp_path, story, max_bytes=2000)


def test_an_answer_above_sagemaker_s_limit_is_refused_in_our_words(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        stack.triton.release.set()
        stack.triton.padding = 200
        assert (await stack.ask("m"))[0] == 200
        stack.triton.padding = 2001
        status, text = await stack.ask("m")
        assert status == 400
        assert error_of(text).startswith("likeness/answer_too_large: ")

    play(tmp_path, story, max_bytes=2000)


# ---- ids -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",  # of tritonserver 2.51, each to a request that it was sent (2026-11-30)
    [
        (507, "unexpected inference input 'OOM' for model 'm'"),
        (507, "unexpected inference output 'OOM' for model 'm'"),
        (507, "parameter 'OOM' has invalid type. It should be either 'int', 'bool', or 'string'."),
        (
            400,
            "[request id: f1.6] inference input 'prompt' data-type is 'INT32', but model 'm' ...",
        ),
        (400, "[request id: f1.7] input 'prompt' batch size does not match other inputs for 'm'"),
        (400, "[request id: f1.8] unexpected shape for input 'prompt' for model 'm'. Expected ..."),
        (400, "Unable to parse 'inputs': attempt to access JSON non-array as array"),
        (400, "failed to parse the request JSON buffer: The surrogate pair in string is invalid."),
        (400, "[request id: <id_unknown>] Raw request must only have 1 input (found 1) to be ..."),
        (400, "invalid datatype for input prompt"),
        (400, "inference header size should be in range (0, 273), got: 1000016"),
        (400, "Input must set only one of the following fields: 'data', 'binary_data_size' in ..."),
    ],
)
def test_a_request_of_another_form_is_refused_in_our_words_and_never_with_a_507(
    tmp_path: Path, refusal: tuple[int, str]
) -> None:
    async def story(stack: Stack) -> None:
        stack.triton.refusal = refusal
        status, text = await stack.ask("m")
        assert status == 400
        assert text.startswith('{"error": "likeness/invalid_argument: the request: KServe v2, wit')
        assert "OOM" not in text

    play(tmp_path, story)


@pytest.mark.parametrize(
    "answer",
    [
        (507, "likeness/memory_pressure: out of memory"),
        (507, "Failed to increase the shared memory pool size: No space left on device"),
        (404, "Request for unknown model: 'm' has no available versions"),
        (400, "Exceeds maximum queue size"),
        (400, "likeness/invalid_argument: prompt: 1 to 2000 characters"),
    ],
)
def test_what_no_form_of_a_request_explains_is_handed_on(
    tmp_path: Path, answer: tuple[int, str]
) -> None:
    async def story(stack: Stack) -> None:
        stack.triton.refusal = answer
        assert await stack.ask("m") == (answer[0], f'{{"error":"{answer[1]}"}}')

    play(tmp_path, story)


@pytest.mark.parametrize("part", ["id", "prompt"])
def test_half_a_character_does_not_stop_the_front(part: str) -> None:
    text = {"id": "mine", "prompt": "a"} | {part: "\ud800"}
    message = Message(json.dumps(text).encode(), f"{BINARY}{len(json.dumps(text))}")
    named = name_request(message, "f1.1")
    assert named is not None
    assert named.message.header_size == len(named.message.body)
    assert (b"\xed\xa0\x80" in named.message.body) == (part == "prompt")
    answer = restore_answer(
        Message(b'{"id":"f1.1","a":1}', "application/json"), "f1.1", named.theirs
    )
    assert json.loads(answer.body)["id"] == text["id"]


@pytest.mark.parametrize("theirs", [None, "mine", 'a "b" {'])
@pytest.mark.parametrize("tail", [None, b"{tensor}"])
def test_triton_gets_our_id_and_the_client_its_own(
    tmp_path: Path, theirs: str | None, tail: bytes | None
) -> None:
    document: dict[str, Any] = {"inputs": []} | ({} if theirs is None else {"id": theirs})
    head = json.dumps(document).encode()
    kind = "application/json" if tail is None else f"{BINARY}{len(head)}"

    async def story(stack: Stack) -> None:
        stack.triton.release.set()
        answer = await stack.client.post(
            "/models/m/invoke", data=head + (tail or b""), headers={"Content-Type": kind}
        )
        body = await answer.read()
        assert answer.status == 200
        if tail is not None:
            assert answer.headers["Content-Type"] == f"{BINARY}{len(body)}"
        assert json.loads(body).get("id") == theirs
        (sent,) = stack.triton.bodies
        assert sent.endswith(tail or b"}")
        assert stack.front.prefix.encode() in sent

    play(tmp_path, story)


@pytest.mark.parametrize("body", [b"not json", b"[]", b"3", b"\xff\xfe", b'{"id": 3}', b"[" * 9999])
def test_what_triton_refuses_is_handed_on_as_it_is(body: bytes) -> None:
    assert name_request(Message(body, "application/json"), "f1.1") is None


def test_an_empty_object_gets_an_id_too() -> None:
    named = name_request(Message(b" {} ", "application/json"), "f1.1")
    assert named is not None
    assert named.message.body == b' {"id":"f1.1"} '


def test_an_answer_without_our_id_stays(tmp_path: Path) -> None:
    message = Message(b'{"error":"no"}', "application/json")
    assert restore_answer(message, "f1.1", None) == message
    assert not list(tmp_path.iterdir())


# ---- departures ----------------------------------------------------------------------------


def test_names_mean_a_request_its_front_or_its_model() -> None:
    adapter = b"/models/h1/model/likeness/1/adapter"
    assert is_meant(["f1.2"], "f1.2", adapter)
    assert is_meant(["f1."], "f1.2", adapter)
    assert is_meant([model_name("/models/h1/model/")], "", adapter)
    for names in (["f1.2"], ["f1."], [""], ["."]):
        assert not is_meant(names, "", adapter)
    assert not is_meant(["f1.2", "f2.", model_name("/models/h2/model")], "f1.22", adapter)
