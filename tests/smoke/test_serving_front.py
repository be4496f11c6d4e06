"""The front before the real tritonserver: the same answers as without it, and nothing that hangs.

Runs in the serving environment.
"""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from serving.front.errors import NO_SUCH_INPUTS
from tests.smoke import serving_kit as kit
from tests.smoke.test_serving import binary_request

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

BOUND_SECONDS = 60
"""Every call in every order ends within it; without the front some take Triton's 350 seconds. On a
quiet machine all end within 5; a loaded one starts processes slowly."""

LONG: dict[str, Any] = {
    "num_inference_steps": 150,
    "num_images_per_prompt": 4,
    "height": 256,
    "width": 256,
}
"""Many seconds of drawing."""

UNLOADED = "likeness/model_unloaded: the model is being unloaded, try again in some seconds"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    kit.make_base(folder, "sd1")
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "a"
    kit.make_adapter(folder, base)
    return folder


def start(base: Path, work: Path, front: str) -> Any:
    settings = {
        "LIKENESS_ANSWER_MEGABYTES": "0",
        "LIKENESS_FRONT": front,
        "LIKENESS_DRAIN_SECONDS": "0.2",
        "LIKENESS_REQUEST_SECONDS": "9999",  # a loaded machine expects hours of a long request
    }
    return kit.serving(str(base), work, **settings)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Iterator[kit.Server]:
    with start(base, tmp_path_factory.mktemp("front"), "on") as running:
        yield running


@pytest.fixture
def user(server: kit.Server, adapter: Path, tmp_path: Path) -> kit.User:
    """A model that is loaded; the number is new for each test."""
    number = int.from_bytes(os.urandom(4), "big")
    packed = kit.pack_user(tmp_path, number, adapter)
    assert server.load(packed).status == 200
    return packed


@pytest.fixture(scope="module")
def neighbour(
    server: kit.Server, adapter: Path, tmp_path_factory: pytest.TempPathFactory
) -> kit.User:
    """A loaded model of another tenant, whose requests do not wait for those of ``user``."""
    packed = kit.pack_user(tmp_path_factory.mktemp("models"), 7, adapter, tenant="globex")
    assert server.load(packed).status == 200
    return packed


# ---- the contract, with the front and without ------------------------------------------------

Call = Callable[[kit.Server, kit.User], kit.Reply]


def draw_binary(server: kit.Server, user: kit.User) -> kit.Reply:
    """Ask in tritonclient's binary form, with an id of the client's."""
    text = np.array([[b"a photo of sks person"]], dtype=object)
    arguments = np.array([[json.dumps(kit.SMALL).encode()]], dtype=object)
    body, size = binary_request(prompt=text, gen_args=arguments)
    document = json.loads(body[:size]) | {"id": "mine"}
    head = json.dumps(document).encode()
    kind = f"application/vnd.sagemaker-triton.binary+json;json-header-size={len(head)}"
    return server.invoke(user, head + body[size:], kind)


def draw_with_id(server: kit.Server, user: kit.User) -> kit.Reply:
    body = json.loads(kit.payload(prompt="a photo", gen_args=kit.SMALL)) | {"id": "mine {"}
    return server.invoke(user, json.dumps(body).encode())


def strange_input() -> bytes:
    """Return a request with an input that the model has not."""
    tensor = {"name": "OOM", "shape": [1, 1], "datatype": "BYTES", "data": ["a"]}
    body = json.loads(kit.payload(prompt="a"))
    return json.dumps({"inputs": [*body["inputs"], tensor]}).encode()


CALLS: dict[str, Call] = {
    "ping": lambda server, _user: server.call("GET", "/ping"),
    "invoke before the load": lambda server, user: server.draw(user),
    "unload before the load": lambda server, user: server.unload(user),
    "load": lambda server, user: server.load(user),
    "load again": lambda server, user: server.load(user),
    "list": lambda server, _user: server.call("GET", "/models"),
    "draw": lambda server, user: server.draw(user),
    "draw in binary": draw_binary,
    "draw with an id": draw_with_id,
    "octet-stream": lambda server, user: server.invoke(
        user, kit.payload(prompt="a", gen_args=kit.SMALL), "application/octet-stream"
    ),
    "a bad argument": lambda server, user: server.draw(user, height=65),
    "no prompt": lambda server, user: server.invoke(user, kit.payload(gen_args={})),
    "no object": lambda server, user: server.invoke(user, b"[1]"),
    "no JSON": lambda server, user: server.invoke(user, b"{"),
    "no body": lambda server, user: server.invoke(user, b""),
    "a strange input": lambda server, user: server.invoke(user, strange_input()),
    "half a letter": lambda server, user: server.invoke(
        user, kit.payload(prompt="@").replace(b"@", rb"\ud800")
    ),
    "half a letter and an id": lambda server, user: server.invoke(
        user, kit.payload(prompt="@").replace(b"@", rb"\ud800").replace(b"{", b'{"id":"a",', 1)
    ),
    "a bad id": lambda server, user: server.invoke(user, b'{"id": 7, "inputs": []}'),
    "unload": lambda server, user: server.unload(user),
    "invoke after the unload": lambda server, user: server.draw(user),
    "unload again": lambda server, user: server.unload(user),
}


IN_OUR_WORDS = ("no object", "no JSON", "no body", "a bad id", "a strange input", "half a letter")
"""What Triton refuses in words of its own, which may be the caller's."""


def comparable(reply: kit.Reply) -> tuple[int, str, bytes]:
    """Return what must be equal: all but the seconds that drawing took, and how long they are."""
    before, found, after = reply.body.partition(b'seconds\\":')
    if not found:
        before, found, after = reply.body.partition(b'seconds":')
    body = before + found + after.partition(b",")[2]
    body = re.sub(rb'"binary_data_size":\d+', b'"binary_data_size":', body)
    body = re.sub(rb'(?s).{4}(?=\{"base_sha256")', b"", body)  # the length of info in binary form
    kind = reply.headers.get("Content-Type", "")
    return reply.status, kind.partition("=")[0], body


def test_every_answer_is_the_one_that_triton_gives_without_the_front(
    server: kit.Server, base: Path, adapter: Path, tmp_path: Path
) -> None:
    user = kit.pack_user(tmp_path, 1, adapter)
    with start(base, tmp_path, "off") as alone:
        expected = {name: comparable(call(alone, user)) for name, call in CALLS.items()}
    got = {name: comparable(call(server, user)) for name, call in CALLS.items()}
    for name in IN_OUR_WORDS:
        assert got.pop(name) == (400, "application/json", NO_SUCH_INPUTS.body), name
        assert expected.pop(name)[0] == (507 if name == "a strange input" else 400), name
    name = "half a letter and an id"
    assert b"likeness/invalid_argument: prompt: the text is not UTF-8" in got.pop(name)[2]
    assert expected.pop(name)[0] == 400
    assert {name: one[0] for name, one in got.items()} == {
        name: one[0] for name, one in expected.items()
    }
    different = [name for name in got if got[name] != expected[name]]
    assert {name: (got[name], expected[name]) for name in different} == {}
    assert got["draw"][0] == 200


# ---- orders of load, unload, request and death -----------------------------------------------


@pytest.fixture
def at_once() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def in_flight(
    pool: ThreadPoolExecutor, server: kit.Server, user: kit.User, neighbour: kit.User
) -> "Future[kit.Reply]":
    """Return a request that the engine has, as another tenant's beside it has been drawn."""
    asked = pool.submit(server.draw, user, **LONG)
    time.sleep(0.7)
    assert server.draw(neighbour, num_inference_steps=1).status == 200
    assert not asked.done(), asked.result().body[:200]
    return asked


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def stub_of(server: kit.Server, name: str) -> int:
    return next(pid for line, pid in server.stubs().items() if f"\0{name}_0_0\0" in line)


def front_pid(server: kit.Server) -> int:
    pids = kit.children(server.process.pid)
    lines = {pid: Path("/proc", str(pid), "cmdline").read_bytes() for pid in pids}
    return next(pid for pid, line in lines.items() if b"serving.front" in line)


def test_an_unload_into_a_long_request_answers_both(
    server: kit.Server, user: kit.User, neighbour: kit.User, at_once: ThreadPoolExecutor
) -> None:
    """Case S7: neither was answered for 350 seconds."""
    asked = in_flight(at_once, server, user, neighbour)
    unloading = at_once.submit(server.unload, user)
    assert unloading.result(BOUND_SECONDS).status == 200
    reply = asked.result(BOUND_SECONDS)
    assert (reply.status, reply.error) == (404, UNLOADED)
    assert server.load(user).status == 200
    assert server.draw(user).status == 200


def test_requests_loads_and_unloads_that_meet_are_all_answered(
    server: kit.Server, user: kit.User, neighbour: kit.User, at_once: ThreadPoolExecutor
) -> None:
    asked = in_flight(at_once, server, user, neighbour)
    calls: list[Callable[[kit.User], kit.Reply]] = [server.unload, server.draw, server.load]
    calls += [server.unload, server.load]
    answers = [at_once.submit(partial(call, user)) for call in calls]
    statuses = [answer.result(BOUND_SECONDS).status for answer in (asked, *answers)]
    assert set(statuses) <= {200, 404, 409}
    server.load(user)
    assert server.draw(user).status == 200


def test_a_request_is_answered_where_its_model_is_unloaded_and_the_engine_dies(
    server: kit.Server, user: kit.User, neighbour: kit.User, at_once: ThreadPoolExecutor
) -> None:
    asked = in_flight(at_once, server, user, neighbour)
    kill(server.base_pid())
    unloading = at_once.submit(server.unload, user)
    assert unloading.result(BOUND_SECONDS).status == 200
    assert asked.result(BOUND_SECONDS).error == UNLOADED


def test_a_caller_that_hangs_up_takes_its_work_along(server: kit.Server, user: kit.User) -> None:
    assert server.draw(user).status == 200  # also after a test in which the engine died
    before = len(server.metrics())
    body = kit.payload(prompt="a", gen_args={**kit.SMALL, **LONG})
    head = [
        f"POST /models/{user.name}/invoke HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in kit.address(user, kit.JSON).items()),
    ]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        time.sleep(1)
    end = time.monotonic() + BOUND_SECONDS
    while len(server.metrics()) == before:
        assert time.monotonic() < end
        time.sleep(0.1)
    (line,) = server.metrics()[before:]
    assert line["Dropped"] == 1
    assert line["WastedSteps"] < 4 * LONG["num_inference_steps"] / 2


def test_the_front_starts_again_and_its_requests_are_dropped(
    server: kit.Server, user: kit.User, neighbour: kit.User, at_once: ThreadPoolExecutor
) -> None:
    asked = in_flight(at_once, server, user, neighbour)
    kill(front_pid(server))
    with pytest.raises(OSError):  # noqa: PT011 (which one depends on the moment)
        asked.result(BOUND_SECONDS)
    kit.wait_until_ready(server)
    assert at_once.submit(server.unload, user).result(BOUND_SECONDS).status == 200
    assert server.load(user).status == 200
    assert server.draw(user).status == 200


@pytest.mark.thorough
def test_where_triton_can_never_unload_a_model_the_container_ends(
    base: Path, adapter: Path, tmp_path: Path, at_once: ThreadPoolExecutor
) -> None:
    """A request that a dead process held is answered; SageMaker starts another container."""
    with start(base, tmp_path, "on") as server:
        user = kit.pack_user(tmp_path, 1, adapter)
        other = kit.pack_user(tmp_path, 2, adapter, tenant="globex")
        assert [server.load(one).status for one in (user, other)] == [200, 200]
        asked = in_flight(at_once, server, user, other)
        kill(stub_of(server, user.target))
        lost = asked.result(BOUND_SECONDS)
        assert (lost.status, lost.error.partition(":")[0]) == (503, "likeness/base_unavailable")
        assert server.draw(other).status == 200
        unloading = at_once.submit(server.unload, user)
        assert unloading.result(BOUND_SECONDS).status == 503
        assert server.process.wait(BOUND_SECONDS) == 2
    assert "Triton can never unload it" in server.log.read_text(errors="replace")
