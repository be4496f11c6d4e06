"""Folder = state = template resource = events folder, and every Task is built alike."""

import re
from typing import Any, get_args

import pytest

from contracts.documents.record import Stage
from contracts.shared.limits import MAX_TRIALS
from tests.contract.files import (
    BESIDE_THE_STATES,
    MACHINES,
    ROOT,
    definition,
    folder_of,
    functions,
    handler_folders,
    machine_resource,
    nested,
    states,
    tasks,
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

ALL_TASKS = [(machine, name) for machine in MACHINES for name in tasks(machine)]
STAGES = sorted((set(tasks()) | set(nested())) - WAYS_OUT)


def test_each_task_is_a_folder_and_each_folder_a_function() -> None:
    folders = {folder_of(name) for _, name in ALL_TASKS}
    assert folders | BESIDE_THE_STATES == handler_folders() == set(functions())


def test_a_state_that_is_another_machine_has_its_name() -> None:
    assert {folder_of(name) for machine in MACHINES for name in nested(machine)} == {
        "sweep_adapter"
    } == set(MACHINES) - {"train_adapter", "erase_subject"}  # fmt: skip


def test_each_stage_has_its_events() -> None:
    assert handler_folders() == {path.name for path in (ROOT / "events").iterdir()}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_definition_uses_exactly_the_substitutions_of_the_template(machine: str) -> None:
    used = set(re.findall(r"\$\{(\w+)\}", MACHINES[machine].read_text()))
    assert used == set(machine_resource(machine)["DefinitionSubstitutions"])


@pytest.mark.parametrize("machine", MACHINES)
def test_the_role_may_invoke_exactly_the_stages(machine: str) -> None:
    allowed = machine_resource(machine)["Policies"][0]["Statement"][0]["Resource"]
    assert {tuple(arn["Fn::GetAtt"]) for arn in allowed} == {
        (f"{name}Function", "Arn") for name in tasks(machine)
    }


def test_stages_that_a_record_can_name_are_states() -> None:
    assert set(get_args(Stage)) == (set(tasks()) | set(nested())) - {"FailJob"}


@pytest.mark.parametrize(("machine", "name"), ALL_TASKS)
def test_every_task_says_what_it_does_and_ends_in_time(machine: str, name: str) -> None:
    task = tasks(machine)[name]
    assert task["Comment"]
    limit = functions()[folder_of(name)]["Timeout"]
    assert task["TimeoutSeconds"] > limit, "the Lambda must end before Step Functions gives up"


@pytest.mark.parametrize(("machine", "name"), ALL_TASKS)
def test_every_task_retries_transients_with_jitter_and_a_ceiling(machine: str, name: str) -> None:
    retrier = tasks(machine)[name]["Retry"][-1]
    assert set(retrier["ErrorEquals"]) == TRANSIENT
    assert retrier["JitterStrategy"] == "FULL"
    assert retrier["MaxDelaySeconds"]


@pytest.mark.parametrize(("machine", "name"), ALL_TASKS)
def test_every_task_is_done_again_twice_when_its_process_dies(machine: str, name: str) -> None:
    retrier = tasks(machine)[name]["Retry"][-2]
    assert set(retrier["ErrorEquals"]) == {
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Runtime.OutOfMemory",
        "Sandbox.Timedout",
    }
    assert retrier["MaxAttempts"] == 2


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_has_one_way_to_fail(name: str) -> None:
    (catch,) = states()[name]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert catch["Next"] == "NotifyFailure"
    assert {"event", "execution_arn", "failure", "failed"} <= set(catch["Output"])


def test_only_a_trial_of_a_sweep_is_caught_inside_it() -> None:
    """The sweep's own failures are told by the machine that waits for it."""
    caught = {name: s["Catch"] for name, s in states("sweep_adapter").items() if "Catch" in s}
    assert {name: [each["Next"] for each in catch] for name, catch in caught.items()} == {
        "TrainAdapter": ["TrialFailed"]
    }


def test_a_redrive_can_go_back_to_every_stage() -> None:
    targets = {choice["Next"] for choice in states()["ResumeStage"]["Choices"]}
    assert targets == set(STAGES)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_workflow_has_a_time_limit_above_that_of_its_longest_state(machine: str) -> None:
    limits = [state["TimeoutSeconds"] for state in states(machine).values() if seconds_of(state)]
    assert definition(machine)["TimeoutSeconds"] > max(limits)


def test_a_sweep_has_time_for_every_round_of_its_points() -> None:
    most = MAX_TRIALS / states("sweep_adapter")["RunTrials"]["MaxConcurrency"]
    rounds = most * seconds_of(states("sweep_adapter")["TrainAdapter"])
    whole = definition("sweep_adapter")["TimeoutSeconds"]
    assert rounds < whole < seconds_of(nested()["SweepAdapter"])


def seconds_of(state: dict[str, Any]) -> int:
    return int(state.get("TimeoutSeconds", 0))
