"""Requests go to the engine with the fewest, and leave an engine that dies."""

import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, Listener
from os import dup
from pathlib import Path
from socket import SHUT_RDWR, socket
from threading import Thread
from typing import Any, NamedTuple

import pytest

from serving.forwarding import DIED, HELLO, Request, Response
from serving.spread import Spread, choose
from tests.cloud import eventually


class Asked(NamedTuple):
    """An engine's queue as ``choose`` sees it."""

    address: Path
    length: int


class MemoryEngine:
    """An engine that keeps its requests until a test answers or kills it."""

    def __init__(self, address: Path) -> None:
        self.address = address
        self.requests: list[Request] = []
        self.connection: Connection[Any, Any] | None = None
        self.start()

    def start(self) -> None:
        self.address.unlink(missing_ok=True)
        self.listener = Listener(str(self.address), family="AF_UNIX")
        Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with suppress(EOFError, OSError), self.listener.accept() as self.connection:
            self.connection.send(HELLO)
            while True:
                self.requests.append(self.connection.recv())

    def answer(self) -> None:
        assert self.connection is not None
        while self.requests:
            self.connection.send(Response(self.requests.pop(0).number, (b"p",), b"{}", ""))

    def die(self) -> None:
        """Let go of the socket; a thread that reads from it must not keep it open."""
        assert self.connection is not None
        self.listener.close()
        with socket(fileno=dup(self.connection.fileno())) as own:
            own.shutdown(SHUT_RDWR)


class Stage(NamedTuple):
    """Two engines, and what their requests' senders got."""

    spread: Spread
    engines: list[MemoryEngine]
    answers: dict[int, Response]

    def ask(self, caller: bytes = b"m") -> int:
        number = self.spread.next_number()
        request = Request(number, b"", b"", b"", b"", caller, str(number), time.monotonic())
        self.spread.forward(request, number)
        return number


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    engines = [MemoryEngine(tmp_path / name) for name in ("a", "b")]
    answers: dict[int, Response] = {}
    spread = Spread([one.address for one in engines], 60.0, answers.__setitem__)
    yield Stage(spread, engines, answers)
    spread.close()
    for engine in engines:
        engine.listener.close()


def test_an_idle_engine_is_better_than_a_model_s_own() -> None:
    a, b = Path("a"), Path("b")
    idle = [Asked(a, 0), Asked(b, 0)]
    homes = {choose(idle, f"model-{n}".encode()).address for n in range(20)}
    assert homes == {a, b}
    (home,) = {choose(idle, b"m").address for _ in range(3)}
    other = b if home == a else a
    queues = [(1, 0, other), (1, 1, home), (2, 1, home), (3, 1, other), (5, 9, home)]
    for own, others, chosen in queues:
        found = choose([Asked(home, own), Asked(other, others)], b"m")
        assert found.address == chosen, (own, others)


def test_both_engines_get_requests_and_answer_them(stage: Stage) -> None:
    numbers = [stage.ask() for _ in range(6)]
    eventually(lambda: sum(len(one.requests) for one in stage.engines) == 6)
    assert min(len(one.requests) for one in stage.engines) >= 2
    for engine in stage.engines:
        engine.answer()
    eventually(lambda: sorted(stage.answers) == numbers)
    assert {one.error for one in stage.answers.values()} == {""}


def test_a_dead_engine_s_requests_go_to_the_other_and_it_takes_part_again(stage: Stage) -> None:
    for _ in range(4):
        stage.ask()
    eventually(lambda: sum(len(one.requests) for one in stage.engines) == 4)
    dead, other = stage.engines
    dead.die()
    eventually(lambda: len(other.requests) == 4)
    stage.ask()
    eventually(lambda: len(other.requests) == 5)
    dead.requests.clear()
    dead.start()
    eventually(lambda: all(one.ready for one in stage.spread.forwarders))
    stage.ask()
    eventually(lambda: len(dead.requests) == 1)
    other.answer()
    dead.answer()
    eventually(lambda: len(stage.answers) == 6)


def test_a_request_during_which_two_engines_died_is_not_sent_a_third_time(stage: Stage) -> None:
    number = stage.ask()
    eventually(lambda: any(one.requests for one in stage.engines))
    first = next(one for one in stage.engines if one.requests)
    second = next(one for one in stage.engines if one is not first)
    first.die()
    eventually(lambda: second.requests)
    second.die()
    eventually(lambda: number in stage.answers)
    assert stage.answers[number].error == DIED
