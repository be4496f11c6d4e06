"""A Task that starts another execution and waits for its end: ``states:startExecution.sync``.

Stock runs the nested execution as an express workflow, which publishes no event at its end, and
passes its error on. On AWS the error is States.TaskFailed and the cause describes the nested
execution; an abort or a time-out of the waiting Task stops the nested execution too.
"""

import json
import threading
import time

from ministack.services import stepfunctions as stock

from local.cloud.states.failures import Failed
from local.cloud.typing_aliases import Json

SYNC = "states:startExecution.sync"
WITH_PARSED_OUTPUT = f"{SYNC}:2"
POLL_SECONDS = 0.02
OK = 200


class Nested:
    """The nested execution, from its start to its end."""

    def __init__(self, resource: str, given: Json) -> None:
        self._parsed = resource.endswith(WITH_PARSED_OUTPUT)
        self._given = given
        self._arn: str | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def run(self) -> Json:
        """Start the execution and wait for its end; return its description.

        Raises:
            Failed: the execution did not start, or did not succeed.
        """
        status, _, body = stock._start_execution(stock._nested_start_execution_request(self._given))
        answer = json.loads(body)
        if status != OK:
            name = str(answer.get("__type", "AWSStepFunctionsException")).rpartition("#")[2]
            raise Failed(f"StepFunctions.{name}", answer.get("message", ""))
        arn: str = answer["executionArn"]
        with self._lock:
            self._arn, stopped = arn, self._stopped
        if stopped:
            self.stop()
        while stock._executions[arn]["status"] == "RUNNING":
            time.sleep(POLL_SECONDS)
        described = _described(arn)
        if described["Status"] != "SUCCEEDED":
            raise Failed("States.TaskFailed", json.dumps(described))
        if self._parsed:
            described["Output"] = json.loads(described["Output"])
        return described

    def stop(self) -> None:
        """Stop the execution, because the Task no longer waits; one that starts just now, too."""
        with self._lock:
            self._stopped = True
        if self._arn is not None:
            stock._stop_execution({"executionArn": self._arn})


def _described(arn: str) -> dict[str, Json]:
    """Return DescribeExecution's answer with its names capitalised, as the state sees it."""
    answer = json.loads(stock._describe_execution({"executionArn": arn})[2])
    return {name[0].upper() + name[1:]: value for name, value in answer.items()}
