"""The input and output of a state."""

import json

from ministack.services import stepfunctions as stock

from local.cloud.states.failures import Failed
from local.cloud.states.paths import fill, require
from local.cloud.states.run import Run
from local.cloud.typing_aliases import Json

LIMIT_BYTES = 256 * 1024

State = dict[str, Json]


def is_jsonata(state: State, run: Run) -> bool:
    """Return whether the state's own or the machine's query language is JSONata."""
    return bool(stock._state_query_language(state, run.context) == "JSONata")


def arguments(state: State, data: Json, run: Run) -> Json:
    """Return the effective input of a Task or Parallel: Arguments, or InputPath and Parameters."""
    if is_jsonata(state, run):
        return stock._apply_jsonata_arguments(state, data, run.context)
    effective = io_path(state, "InputPath", data, run)
    if state.get("Parameters") is None:
        return effective
    return fill(state["Parameters"], effective, run.context)


def io_path(state: State, field: str, data: Json, run: Run) -> Json:
    """Apply InputPath or OutputPath; a null path gives an empty object."""
    path = state.get(field, "$")
    return {} if path is None else require(path, data, run.context, field)


def number(state: State, field: str, data: Json, run: Run) -> float | None:
    """Return a number that the state gives as a literal, a path or an expression."""
    if state.get(field) is not None:
        value = state[field]
        if is_jsonata(state, run):
            value = stock._apply_jsonata_template(value, data, run.context)
        return float(value)
    path = state.get(field + "Path")
    return None if path is None else float(require(path, data, run.context, field + "Path"))


def finish(state: State, data: Json, run: Run, result: Json) -> Json:
    """Return a state's output and set its variables.

    Args:
        state: the state's definition.
        data: the state's raw input.
        run: the run that the state belongs to.
        result: the result of the state's work.
    """
    if is_jsonata(state, run):
        context = run.context
        output = stock._apply_jsonata_output(state, data, context, result=result, default=result)
        stock._apply_state_assign(state, data, context, result=result)
    else:
        output = _finish_with_paths(state, data, run, result)
    return check_size(output, run.context["State"]["Name"])


def _finish_with_paths(state: State, data: Json, run: Run, result: Json) -> Json:
    if state.get("ResultSelector"):
        result = fill(state["ResultSelector"], result, run.context)
    if state.get("Assign"):
        run.context["variables"].update(fill(state["Assign"], result, run.context))
    return io_path(state, "OutputPath", stock._apply_result_path(state, data, result), run)


def check_size(value: Json, name: str) -> Json:
    """Return the value if it is not too large for a state.

    Raises:
        Failed: States.DataLimitExceeded, above 256 KiB.
    """
    size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    if size > LIMIT_BYTES:
        message = f"The state/task '{name}' returned a result with a size exceeding the maximum"
        raise Failed("States.DataLimitExceeded", f"{message} number of bytes service limit.")
    return value
