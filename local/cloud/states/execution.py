"""One execution from its start, or from a redrive, to its last event."""

import json
import threading
import time

from ministack.core.responses import now_iso
from ministack.services import stepfunctions as stock

from local.cloud.states import interpreter, status
from local.cloud.states.failures import Failed, StoppedError, TimedOutError
from local.cloud.states.run import Position, Run, spawn, text
from local.cloud.typing_aliases import Json, Stock

_runs: dict[str, Run] = {}
_ends = threading.Lock()  # an execution ends once, whoever is first


def run(arn: str) -> None:
    """Walk an execution to its end. Stock calls this on a thread of its own."""
    record = stock._executions.get(arn)
    if record is None:
        return
    machine = stock._state_machines[record["stateMachineArn"]]
    # A redrive uses the definition that the execution began with.
    definition = json.loads(record.setdefault("definition", machine["definition"]))
    position: Position | None = record.get("position")
    walking = Run(record, _context(record, machine, definition), _deadline(definition))
    _runs[arn] = walking
    try:
        if position is None:
            output = interpreter.through(definition, json.loads(record["input"]), walking)
        else:
            walking.context["variables"] = position.variables
            output = interpreter.through(definition, position.data, walking, position.state)
    except StoppedError:
        pass  # stop() wrote the end
    except TimedOutError:
        _end(walking, "TIMED_OUT", "ExecutionTimedOut", error=None, cause=None)
    except Failed as failure:
        facts = {"error": failure.error, "cause": failure.cause}
        _end(walking, "FAILED", "ExecutionFailed", **facts)
    else:
        _end(walking, "SUCCEEDED", "ExecutionSucceeded", output=text(output))
    finally:
        record["position"] = walking.position
        _runs.pop(arn, None)


def stop(arn: str, error: str | None, cause: str | None) -> bool:
    """End a running execution from outside; return whether it was still running."""
    record = stock._executions[arn]
    walking = _runs.get(arn) or Run(record, {})
    if not _end(walking, "ABORTED", "ExecutionAborted", error=error, cause=cause):
        return False
    walking.halt()
    return True


def redrive(record: Stock) -> str:
    """Enter the state again that the execution ended in; return the time of it."""
    moment: str = now_iso()
    count = record.get("redriveCount", 0) + 1
    record.update(status="RUNNING", stopDate=None, error=None, cause=None, output=None)
    record.update(redriveCount=count, redriveDate=moment)
    Run(record, {}).log("ExecutionRedriven", "executionRedrivenEventDetails", redriveCount=count)
    status.tell(record)
    spawn(run, record["executionArn"])
    return moment


def halt_all() -> None:
    """Stop every walk, for the server's end: no event is written."""
    for walking in tuple(_runs.values()):
        walking.halt()


def branch_of_map_run(
    states: Json, start: str, data: Json, child: Stock, context: dict[str, Json]
) -> Json:
    """Walk one item of a Distributed Map, whose other parts are stock's."""
    return interpreter.through({"States": states, "StartAt": start}, data, Run(child, context))


def _context(record: Stock, machine: Stock, definition: Json) -> dict[str, Json]:
    execution = {
        "Id": record["executionArn"],
        "Input": json.loads(record["input"]),
        "Name": record["name"],
        "RoleArn": machine["roleArn"],
        "StartTime": record["startDate"],
        "RedriveCount": record.get("redriveCount", 0),
    }
    if record.get("redriveDate"):
        execution["RedriveTime"] = record["redriveDate"]
    return {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "variables": {},
        "Execution": execution,
        "StateMachine": {"Id": record["stateMachineArn"], "Name": machine["name"]},
    }


def _deadline(definition: Json) -> float | None:
    seconds = definition.get("TimeoutSeconds")
    return None if seconds is None else time.monotonic() + seconds


def _end(walking: Run, state: str, event: str, **facts: Json) -> bool:
    """Write the last event and the status; return False if someone was faster."""
    record = walking.record
    with _ends:
        if record["status"] != "RUNNING":
            return False
        walking.log(event, f"{event[0].lower()}{event[1:]}EventDetails", **facts)
        status.ended(record, state, **facts)
    return True
