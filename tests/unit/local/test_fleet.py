"""An endpoint's instances: who leaves is drained, and a server that stops waits for nobody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from local.sagemaker.container.calls import Reply
from local.sagemaker.hosting.fleet import Fleet, FleetClosedError
from tests.cloud import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


class Instance:
    """Answers a call when it is told to, and fails the calls that it has when it is stopped."""

    healthy, variant = True, "AllTraffic"

    def __init__(self) -> None:
        self.models = SimpleNamespace(loaded=list, has=lambda _: False)
        self.calls, self.stopped = 0, False
        self.may_answer = threading.Event()

    def start(self) -> None:
        """Start at once."""

    def stop(self) -> None:
        self.stopped = True
        self.may_answer.set()

    def invoke(self, _target: str, _body: bytes, _headers: dict[str, str]) -> Reply:
        self.calls += 1
        self.may_answer.wait()
        if self.stopped:
            raise ConnectionResetError
        return Reply(200, {}, b"")


def fleet_of_two() -> tuple[Fleet, list[Instance]]:
    made: list[Instance] = []

    def make() -> Instance:
        made.append(Instance())
        return made[-1]

    fleet = Fleet(cast("Callable[[], Any]", make))
    fleet.resize(2)
    return fleet, made


def call(fleet: Fleet) -> Reply:
    return fleet.invoke("model", b"", {})


def test_an_instance_that_leaves_gets_no_call_and_ends_when_its_calls_are_answered() -> None:
    fleet, (stays, leaves) = fleet_of_two()
    with ThreadPoolExecutor(4) as pool:
        first = [pool.submit(call, fleet) for _ in range(2)]
        eventually(lambda: (stays.calls, leaves.calls) == (1, 1))
        resizing = pool.submit(fleet.resize, 1)
        stays.may_answer.set()
        eventually(lambda: call(fleet) and stays.calls > 3)
        assert (leaves.calls, leaves.stopped, resizing.done()) == (1, False, False)
        leaves.may_answer.set()
        resizing.result()
        assert [one.result().status for one in first] == [200, 200]
    assert (stays.stopped, leaves.stopped) == (False, True)


def test_a_replaced_fleet_answers_what_it_has_and_sends_the_next_call_away() -> None:
    fleet, (busy, quiet) = fleet_of_two()
    quiet.may_answer.set()
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(call, fleet)
        eventually(lambda: busy.calls == 1)
        retiring = pool.submit(fleet.retire)
        eventually(lambda: refuses(fleet))
        assert not busy.stopped
        busy.may_answer.set()
        assert asked.result().status == 200
        retiring.result()
    assert (busy.stopped, quiet.stopped) == (True, True)


def refuses(fleet: Fleet) -> bool:
    try:
        call(fleet)
    except FleetClosedError:
        return True
    return False


def test_a_server_that_stops_waits_for_no_call() -> None:
    fleet, instances = fleet_of_two()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(call, fleet) for _ in range(2)]
        eventually(lambda: [one.calls for one in instances] == [1, 1])
        resizing = pool.submit(fleet.resize, 1)
        fleet.stop()
        resizing.result()
        assert [type(one.exception()) for one in asked] == [ConnectionResetError] * 2
    with pytest.raises(FleetClosedError):
        call(fleet)
