"""One execution, from its start or a redrive to its last event."""

import json
import threading
import time

from ministack.core.responses import now_iso
from ministack.services import stepfunctions as stock

from local.cloud import xray
from local.cloud.states import interpreter, status
from local.cloud.states.failures import Failed, StoppedError, TimedOutError
from local.cloud.states.run import Run, spawn, text
from local.cloud.typing_aliases import Json, Stock

_runs: dict[str, Run] = {}
_end_lock = threading.Lock()  # an execution ends only once


def run(arn: str) -> None:
    """Run an execution to its end. Stock calls this on a separate thread."""
    record = stock._executions.get(arn)
    if record is None:
        return
    machine = stock._state_machines[record["stateMachineArn"]]
    # A redrive uses the definition with which the execution started.
    definition = json.loads(record.setdefault("definition", machine["definition"]))
    xray.begin(record)
    context = _context(record, machine, definition)
    active = Run(record, context, _deadline(definition), record.get("position"))
    _runs[arn] = active
    try:
        if record["status"] == "RUNNING":  # otherwise it was stopped before it could be registered
            _run_to_end(definition, active)
    finally:
        if _runs.get(arn) is active:  # a redrive may have begun
            del _runs[arn]


def _run_to_end(definition: Json, active: Run) -> None:
    try:
        output = interpreter.run_states(definition, json.loads(active.record["input"]), active)
    except StoppedError:
        pass  # stop() recorded the end
    except TimedOutError:
        _end(active, "TIMED_OUT", "ExecutionTimedOut", error=None, cause=None)
    except Failed as failure:
        facts = {"error": failure.error, "cause": failure.cause}
        _end(active, "FAILED", "ExecutionFailed", **facts)
    else:
        _end(active, "SUCCEEDED", "ExecutionSucceeded", output=text(output))


def stop(arn: str, error: str | None, cause: str | None) -> bool:
    """Abort an execution; return whether it was still running."""
    record = stock._executions[arn]
    active = _runs.get(arn) or Run(record, {})
    if not _end(active, "ABORTED", "ExecutionAborted", error=error, cause=cause):
        return False
    active.halt()
    return True


def redrive(record: Stock) -> str:
    """Run the execution again from the state in which it ended; return the redrive date."""
    moment: str = now_iso()
    count = record.get("redriveCount", 0) + 1
    record.update(status="RUNNING", stopDate=None, error=None, cause=None, output=None)
    record.update(redriveCount=count, redriveDate=moment)
    Run(record, {}).log("ExecutionRedriven", "executionRedrivenEventDetails", redriveCount=count)
    status.publish(record)
    spawn(run, record["executionArn"])
    return moment


def halt_all() -> None:
    """Stop every run without an event, because the server ends."""
    for active in tuple(_runs.values()):
        active.halt()


def branch_of_map_run(
    states: Json, start: str, data: Json, child: Stock, context: dict[str, Json]
) -> Json:
    """Run one item of a Distributed Map; the other parts of the Map are stock's."""
    return interpreter.run_states({"States": states, "StartAt": start}, data, Run(child, context))


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


def _end(active: Run, state: str, event: str, **facts: Json) -> bool:
    """Record the last event and the status; return False if the execution has already ended."""
    record = active.record
    with _end_lock:
        if record["status"] != "RUNNING":
            return False
        # Before the status, which tells a client that it may redrive the execution.
        record["position"] = active.position() or record.get("position")
        active.log(event, f"{event[0].lower()}{event[1:]}EventDetails", **facts)
        status.record_end(record, state, **facts)
    return True
