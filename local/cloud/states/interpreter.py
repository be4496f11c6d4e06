"""Runs state after state, until one ends the run."""

from datetime import UTC, datetime
from typing import Any

from ministack.services import stepfunctions as stock

from local.cloud.states import map_parallel, task
from local.cloud.states.attempts import guarded
from local.cloud.states.failures import Failed, StoppedError, TimedOutError
from local.cloud.states.input_output import State, finish, io_path, is_jsonata, number
from local.cloud.states.paths import MISSING, fill, find, require
from local.cloud.states.run import Run, text
from local.cloud.typing_aliases import Json

Step = tuple[Json, str | None]


def run_states(machine: State, data: Json, run: Run) -> Json:
    """Run a machine, a branch or a processor; return its output. A redriven run goes on."""
    resumed = run.take_resumed()
    name: str | None = machine["StartAt"]
    if resumed is not None:
        name, data = resumed.state, resumed.data
    while name is not None:
        run.check()
        state = machine["States"][name]
        run.enter(name, data)
        kind = state["Type"]
        run.log(f"{kind}StateEntered", "stateEnteredEventDetails", name=name, input=text(data))
        output, next_state = _step(state, data, run, name)
        details = {"name": name, "output": text(output)}
        run.log(f"{kind}StateExited", "stateExitedEventDetails", **details)
        data, name = output, next_state
    return data


def _step(state: State, data: Json, run: Run, name: str) -> Step:
    try:
        return _STEPS[state["Type"]](state, data, run)
    except (Failed, StoppedError, TimedOutError):
        raise
    except Exception as error:  # an error of the evaluator must not look like success
        message = f"An error occurred while executing the state '{name}'"
        raise Failed("States.Runtime", f"{message}: {type(error).__name__}: {error}") from error


def _task(state: State, data: Json, run: Run) -> Step:
    return guarded(state, data, run, lambda: task.attempt(state, data, run))


def _parallel(state: State, data: Json, run: Run) -> Step:
    return guarded(state, data, run, lambda: map_parallel.parallel(state, data, run, run_states))


def _map(state: State, data: Json, run: Run) -> Step:
    processor = state.get("ItemProcessor") or state["Iterator"]
    if (processor.get("ProcessorConfig") or {}).get("Mode") == "DISTRIBUTED":
        step: Step = _stock_map(state, data, run.record, run.context)
        return step
    return guarded(state, data, run, lambda: map_parallel.inline_map(state, data, run, run_states))


def _pass(state: State, data: Json, run: Run) -> Step:
    if is_jsonata(state, run):
        return finish(state, data, run, data), stock._next_or_end(state)
    effective = io_path(state, "InputPath", data, run)
    if state.get("Parameters") is not None:
        effective = fill(state["Parameters"], effective, run.context)
    result = state.get("Result", effective)
    return finish(state, data, run, result), stock._next_or_end(state)


def _wait(state: State, data: Json, run: Run) -> Step:
    effective = data if is_jsonata(state, run) else io_path(state, "InputPath", data, run)
    moment = _moment(state, effective, run)
    if moment is None:
        run.pause(number(state, "Seconds", effective, run) or 0)
    else:
        left = datetime.fromisoformat(moment) - datetime.now(UTC)
        run.pause(max(0.0, left.total_seconds()))
    if is_jsonata(state, run):
        return finish(state, data, run, data), stock._next_or_end(state)
    return io_path(state, "OutputPath", effective, run), stock._next_or_end(state)


def _moment(state: State, data: Json, run: Run) -> str | None:
    moment: Any = state.get("Timestamp")
    if moment is not None and is_jsonata(state, run):
        moment = stock._apply_jsonata_template(moment, data, run.context)
    elif "TimestampPath" in state:
        moment = require(state["TimestampPath"], data, run.context, "TimestampPath")
    return None if moment is None else str(moment)


def _choice(state: State, data: Json, run: Run) -> Step:
    if is_jsonata(state, run):
        return _jsonata_choice(state, data, run)
    effective = io_path(state, "InputPath", data, run)
    for rule in state["Choices"]:
        if _holds(rule, effective, run):
            return _chosen(state, rule, rule["Next"], effective, run)
    if "Default" in state:
        return _chosen(state, state, state["Default"], effective, run)
    raise _no_choice(run)


def _chosen(state: State, rule: State, next_state: str, data: Json, run: Run) -> Step:
    if rule.get("Assign"):
        run.context["variables"].update(fill(rule["Assign"], data, run.context))
    return io_path(state, "OutputPath", data, run), next_state


def _jsonata_choice(state: State, data: Json, run: Run) -> Step:
    """Use Output and Assign of the matching rule, or the state's own for Default."""
    context = run.context
    for rule in state["Choices"]:
        if stock._evaluate_jsonata_choice_rule(rule, data, context):
            return _jsonata_chosen(rule, rule["Next"], data, run)
    if "Default" in state:
        return _jsonata_chosen(state, state["Default"], data, run)
    raise _no_choice(run)


def _jsonata_chosen(rule: State, next_state: str, data: Json, run: Run) -> Step:
    output = stock._apply_jsonata_output(rule, data, run.context, default=data)
    stock._apply_state_assign({"QueryLanguage": "JSONata", **rule}, data, run.context)
    return output, next_state


def _no_choice(run: Run) -> Failed:
    name = run.context["State"]["Name"]
    return Failed("States.NoChoiceMatched", f"No choice rule of state '{name}' matched")


def _holds(rule: State, data: Json, run: Run) -> bool:
    """Evaluate a comparison with stock; fail when its variable is missing."""
    if "And" in rule:
        return all(_holds(each, data, run) for each in rule["And"])
    if "Or" in rule:
        return any(_holds(each, data, run) for each in rule["Or"])
    if "Not" in rule:
        return not _holds(rule["Not"], data, run)
    if "IsPresent" in rule:
        present = find(rule["Variable"], data, run.context) is not MISSING
        return bool(present == rule["IsPresent"])
    value = require(rule["Variable"], data, run.context, "Variable")
    resolved = dict(_operand(key, each, data, run) for key, each in rule.items())
    return bool(stock._evaluate_rule({**resolved, "Variable": "$"}, value, run.context))


def _operand(operator: str, value: Json, data: Json, run: Run) -> tuple[str, Json]:
    """Return a comparison with its operand resolved: NumericEqualsPath becomes NumericEquals."""
    if not operator.endswith("Path"):
        return operator, value
    return operator.removesuffix("Path"), require(value, data, run.context, operator)


def _succeed(state: State, data: Json, run: Run) -> Step:
    if is_jsonata(state, run):
        return finish(state, data, run, data), None
    return io_path(state, "OutputPath", io_path(state, "InputPath", data, run), run), None


def _fail(state: State, data: Json, run: Run) -> Step:
    raise Failed(*stock._fail_state_error(state, data, run.context))


_stock_map = stock._execute_map  # stock runs a Distributed Map; its children run here

_STEPS = {
    "Task": _task,
    "Parallel": _parallel,
    "Map": _map,
    "Pass": _pass,
    "Wait": _wait,
    "Choice": _choice,
    "Succeed": _succeed,
    "Fail": _fail,
}
