"""An endpoint of several instances: routing, growth, those that leave, and one that dies."""

from __future__ import annotations

import os
import signal
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.sagemaker.hosting.fleet import MANY_REQUESTS
from tests.cloud import eventually
from tests.integration.sagemaker_kit import restore_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.sagemaker_kit import SageMakerKit


@pytest.fixture(scope="module")
def endpoint(sagemaker_kit: SageMakerKit) -> Iterator[str]:
    """An endpoint of two instances."""
    sagemaker_kit.use_settings()
    name = sagemaker_kit.endpoint(instances=2)
    yield name
    sagemaker_kit.sagemaker.delete_endpoint(EndpointName=name)
    restore_defaults()


def target_of(kit: SageMakerKit, **behaviour: Any) -> str:
    return kit.package(f"{uuid.uuid4().hex}.tar.gz", **behaviour)


def counts(kit: SageMakerKit, endpoint: str) -> tuple[str, int, int]:
    """Return the endpoint's status, and how many instances it has and shall have."""
    found = kit.sagemaker.describe_endpoint(EndpointName=endpoint)
    (variant,) = found["ProductionVariants"]
    numbers = (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"])
    return found["EndpointStatus"], *numbers


def resize(kit: SageMakerKit, endpoint: str, count: int) -> None:
    wanted = {"VariantName": "AllTraffic", "DesiredInstanceCount": count}
    kit.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint, DesiredWeightsAndCapacities=[wanted]
    )


def pids_of(kit: SageMakerKit, endpoint: str, target: str, calls: int) -> set[int]:
    """Return the process ids of the instances that answer as many calls at once."""
    with ThreadPoolExecutor(calls) as pool:
        asked = [pool.submit(kit.invoke, endpoint, target) for _ in range(calls)]
        return {one.result()["pid"] for one in asked}


@contextmanager
def called_meanwhile(kit: SageMakerKit, endpoint: str, target: str) -> Iterator[list[int]]:
    """Call a model on eight threads; yield the process ids of the answers. No call may fail."""
    pids: list[int] = []
    stop = threading.Event()

    def call() -> None:
        while not stop.is_set():
            pids.append(kit.invoke(endpoint, target)["pid"])

    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(call) for _ in range(8)]
        try:
            yield pids
        finally:
            stop.set()
        for caller in callers:
            caller.result()


def test_a_model_s_calls_go_where_it_is_loaded_and_models_are_spread(
    kit: SageMakerKit, endpoint: str
) -> None:
    assert counts(kit, endpoint) == ("InService", 2, 2)
    homes = []
    for target in (target_of(kit), target_of(kit)):
        answers = [kit.invoke(endpoint, target) for _ in range(3)]
        assert len({one["pid"] for one in answers}) == 1
        assert [call for call in answers[-1]["calls"] if call[1] == target] == [["load", target]]
        homes.append(answers[0]["pid"])
    assert homes[0] != homes[1]


def test_a_crowd_of_calls_of_one_model_reaches_both_instances(
    kit: SageMakerKit, endpoint: str
) -> None:
    crowded, alone = target_of(kit, seconds=0.5), target_of(kit, seconds=0.2)
    kit.invoke(endpoint, crowded)
    assert len(pids_of(kit, endpoint, alone, 2)) == 1, "two calls are no crowd"
    assert len(pids_of(kit, endpoint, crowded, MANY_REQUESTS + 4)) == 2


def test_the_other_instance_answers_while_one_starts_again(
    kit: SageMakerKit, endpoint: str
) -> None:
    target = target_of(kit)
    dead = kit.invoke(endpoint, target)["pid"]
    os.kill(dead, signal.SIGKILL)

    def answered() -> dict[str, Any] | None:
        try:
            return kit.invoke(endpoint, target)
        except ClientError:
            return None

    first = eventually(answered)
    assert first["pid"] != dead
    both = eventually(lambda: len(pids_of(kit, endpoint, target_of(kit, seconds=0.5), 9)) == 2)
    assert both, "the dead one was started again"


def test_instances_come_and_go_and_those_that_stay_answer(kit: SageMakerKit) -> None:
    endpoint, target = kit.endpoint(), target_of(kit, seconds=0.5)
    first = kit.invoke(endpoint, target)["pid"]
    resize(kit, endpoint, 3)
    assert counts(kit, endpoint)[0] in {"Updating", "InService"}
    assert kit.invoke(endpoint, target)["pid"] == first
    eventually(lambda: counts(kit, endpoint) == ("InService", 3, 3))
    pids = pids_of(kit, endpoint, target, 12)
    assert len(pids) == 3
    resize(kit, endpoint, 1)
    eventually(lambda: counts(kit, endpoint) == ("InService", 1, 1))
    assert pids_of(kit, endpoint, target, 9) == {first}
    kit.sagemaker.delete_endpoint(EndpointName=endpoint)
    eventually(lambda: not any(Path("/proc", str(pid)).exists() for pid in pids))


def test_what_leaves_is_drained_so_that_no_call_is_lost(kit: SageMakerKit) -> None:
    endpoint, target = kit.endpoint(instances=2), target_of(kit, seconds=0.3)
    with called_meanwhile(kit, endpoint, target) as pids:
        eventually(lambda: len(set(pids)) == 2)
        two = set(pids)
        resize(kit, endpoint, 1)
        eventually(lambda: counts(kit, endpoint) == ("InService", 1, 1))
        (left,) = [pid for pid in two if Path("/proc", str(pid)).exists()]
        new = kit.model(f"{endpoint}-new")
        kit.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
        assert kit.wait_for_endpoint(endpoint)["EndpointConfigName"] == new
        assert not Path("/proc", str(left)).exists()
        answered = len(pids)
        eventually(lambda: len(pids) > answered)
        assert pids[-1] not in two
    kit.sagemaker.delete_endpoint(EndpointName=endpoint)
