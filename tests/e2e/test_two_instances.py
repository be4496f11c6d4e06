"""An endpoint of two instances: both have a model in memory, and both refuse and forget it."""

import time
from pathlib import Path

import pytest

from local.demo.upload import TENANT
from local.front_door import make_key
from local.sagemaker import settings
from tests.cloud import eventually
from tests.e2e.endpoint_calls import ask_at_once, hits_by_instance, target_of, two_instances
from tests.e2e.stack import SMALL, Stack, photos
from tests.e2e.test_http_api import ask
from tests.e2e.test_takedown import marked, report

TAKEDOWN_SECONDS = 60


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_training")
def test_both_instances_answer_and_refuse_and_forget_a_model(stack: Stack) -> None:
    with two_instances(stack):
        stack.upload("on-two", photos(99), SMALL)
        assert stack.execution("on-two")["status"] == "SUCCEEDED", "one of them is warm"
        assert stack.notice("on-two")["code"] == "ready"
        model = stack.record("on-two").job_id
        target = target_of(stack, TENANT, model)
        eventually(lambda: both_answer_from_memory(stack, target))
        it_is_disabled_and_restored(stack, model, target)
        it_is_erased(stack, model, target)


def both_answer_from_memory(stack: Stack, target: str) -> bool:
    """Ask both instances, and return whether each had the picture in memory."""
    before = hits_by_instance(stack)
    assert set(ask_at_once(stack, target)) == {"drawn"}
    after = hits_by_instance(stack)
    return sum(after[one] > before.get(one, 0) for one in after) == 2


def it_is_disabled_and_restored(stack: Stack, model: str, target: str) -> None:
    """An operator accepts a report: soon neither instance draws the model, until it is restored."""
    operator = make_key(stack.cloud, "stack", scopes="operate")
    case = report(stack, marked(stack, model)).body["id"]
    path = f"/v1/takedowns/{case}"

    def found() -> object:
        return ask(stack, f"{path}/evidence", operator).body["case"]["models"]

    assert eventually(found) == [model]
    began = time.monotonic()
    assert ask(stack, f"{path}:accept", operator, "POST", {}).body["status"] == "accepted"
    eventually(lambda: all("adapter_invalid" in one for one in ask_at_once(stack, target)))
    assert time.monotonic() - began < TAKEDOWN_SECONDS
    assert "restored" in stack.likeness("takedown", "restore", case)
    eventually(lambda: set(ask_at_once(stack, target)) == {"drawn"})


def it_is_erased(stack: Stack, model: str, target: str) -> None:
    """Neither instance draws the model, answers from memory or has its files."""
    assert len(adapters(stack, model)) == 2
    answer = stack.likeness("erase", TENANT, "--model", model, "--yes", TENANT)
    assert "erasing" in answer, answer
    eventually(lambda: "drawn" not in ask_at_once(stack, target))
    eventually(lambda: adapters(stack, model) == [])


def adapters(stack: Stack, model: str) -> list[Path]:
    """Return the folders of a model's adapter on the disks of all instances."""
    port = stack.cloud.endpoint_url.rpartition(":")[2]
    root = settings.current().work / port / "endpoints"
    manifests = root.glob(f"{stack.outputs['EndpointName']}-*/**/1/adapter/manifest.json")
    return [one.parent for one in manifests if model in one.read_text()]
