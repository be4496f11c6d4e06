"""A Task that starts another execution and waits for its end: ``states:startExecution.sync``.

Stock runs the other one as an express workflow, which tells nobody of its end, and names its error
as its own. On AWS the error is States.TaskFailed and the cause describes the execution; and who
stops waiting (an abort, a time-out) stops the other one too.
"""

import json
import time

from ministack.services import stepfunctions as stock

from local.cloud.states.failures import Failed
from local.cloud.typing_aliases import Json

SYNC = "states:startExecution.sync"
WITH_PARSED_OUTPUT = f"{SYNC}:2"
LOOK_SECONDS = 0.02
OK = 200


class Nested:
    """The other execution, from its start to its end."""

    def __init__(self, resource: str, given: Json) -> None:
        self._parsed = resource.endswith(WITH_PARSED_OUTPUT)
        self._given = given
        self._arn: str | None = None

    def run(self) -> Json:
        """Start it and wait; return its description.

        Raises:
            Failed: it could not be started, or did not succeed.
        """
        status, _, body = stock._start_execution(stock._nested_start_execution_request(self._given))
        answer = json.loads(body)
        if status != OK:
            name = str(answer.get("__type", "AWSStepFunctionsException")).rpartition("#")[2]
            raise Failed(f"StepFunctions.{name}", answer.get("message", ""))
        arn = self._arn = answer["executionArn"]
        while stock._executions[arn]["status"] == "RUNNING":
            time.sleep(LOOK_SECONDS)
        described = _described(arn)
        if described["Status"] != "SUCCEEDED":
            raise Failed("States.TaskFailed", json.dumps(described))
        if self._parsed:
            described["Output"] = json.loads(described["Output"])
        return described

    def stop(self) -> None:
        """Stop it, since nobody waits for it any more; one that has ended stays as it is."""
        if self._arn is not None:
            stock._stop_execution({"executionArn": self._arn})


def _described(arn: str) -> dict[str, Json]:
    """Return DescribeExecution's answer as the state sees it: with capital letters."""
    answer = json.loads(stock._describe_execution({"executionArn": arn})[2])
    return {name[0].upper() + name[1:]: value for name, value in answer.items()}
