"""Folder = state = template resource = events folder, and every Task is built alike."""

import json
import re
from typing import get_args

import pytest

from contracts.record import Stage
from tests.contract.files import (
    BESIDE_THE_STATES,
    DEFINITION,
    ROOT,
    folder_of,
    functions,
    handler_folders,
    states,
    tasks,
    template,
)

TRANSIENT = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
WAYS_OUT = {"NotifyFailure", "FailJob"}
"""They must not be caught, or a failure could run in a circle."""


def test_each_task_is_a_folder_and_each_folder_a_function() -> None:
    folders = {folder_of(name) for name in tasks()}
    assert folders | BESIDE_THE_STATES == handler_folders() == set(functions())


def test_each_stage_has_its_events() -> None:
    assert handler_folders() == {path.name for path in (ROOT / "events").iterdir()}


def test_the_definition_uses_exactly_the_substitutions_of_the_template() -> None:
    used = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text()))
    machine = template()["Resources"]["TrainAdapterStateMachine"]["Properties"]
    assert used == set(machine["DefinitionSubstitutions"])


def test_the_role_may_invoke_exactly_the_stages() -> None:
    machine = template()["Resources"]["TrainAdapterStateMachine"]["Properties"]
    allowed = machine["Policies"][0]["Statement"][0]["Resource"]
    assert {arn["Fn::GetAtt"] for arn in allowed} == {f"{name}Function.Arn" for name in tasks()}


def test_stages_that_a_record_can_name_are_states() -> None:
    assert set(get_args(Stage)) == set(tasks()) - {"FailJob"}


@pytest.mark.parametrize("name", tasks())
def test_every_task_says_what_it_does_and_ends_in_time(name: str) -> None:
    task = tasks()[name]
    assert task["Comment"]
    limit = functions()[folder_of(name)]["Timeout"]
    assert task["TimeoutSeconds"] > limit, "the Lambda must end before Step Functions gives up"


@pytest.mark.parametrize("name", tasks())
def test_every_task_retries_transients_with_jitter_and_a_ceiling(name: str) -> None:
    retrier = tasks()[name]["Retry"][-1]
    assert set(retrier["ErrorEquals"]) == TRANSIENT
    assert retrier["JitterStrategy"] == "FULL"
    assert retrier["MaxDelaySeconds"]


@pytest.mark.parametrize("name", tasks())
def test_every_task_is_done_again_twice_when_its_process_dies(name: str) -> None:
    retrier = tasks()[name]["Retry"][-2]
    assert set(retrier["ErrorEquals"]) == {
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Sandbox.Timedout",
    }
    assert retrier["MaxAttempts"] == 2


@pytest.mark.parametrize("name", sorted(set(tasks()) - WAYS_OUT))
def test_every_stage_has_one_way_to_fail(name: str) -> None:
    (catch,) = tasks()[name]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert catch["Next"] == "NotifyFailure"
    assert {"event", "execution_arn", "failure", "failed"} <= set(catch["Output"])


def test_a_redrive_can_go_back_to_every_stage() -> None:
    targets = {choice["Next"] for choice in states()["ResumeStage"]["Choices"]}
    assert targets == set(tasks()) - WAYS_OUT


def test_the_workflow_has_a_time_limit_above_that_of_its_longest_state() -> None:
    machine = json.loads(DEFINITION.read_text())
    longest = max(task["TimeoutSeconds"] for task in tasks().values())
    assert machine["TimeoutSeconds"] > longest
