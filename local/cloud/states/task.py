"""A Task state: one call with its time-outs and its task token."""

import json
import threading
import time
from collections.abc import Callable

from ministack.core.responses import get_region, new_uuid
from ministack.services import stepfunctions as stock

from local.cloud import xray
from local.cloud.lambdas import worker_queue
from local.cloud.states import roles, tokens
from local.cloud.states.failures import TIMEOUTS, Failed
from local.cloud.states.input_output import State, arguments, check_size, finish, number
from local.cloud.states.nested import SYNC, Nested
from local.cloud.states.run import Run, spawn, text
from local.cloud.typing_aliases import Json

CALLBACK = ".waitForTaskToken"
NEVER = float("inf")
META = {"HttpStatusCode": 200, "HttpHeaders": {}, "AllHttpHeaders": {}}


def attempt(state: State, data: Json, run: Run) -> Json:
    """Call the resource once; return the state's output."""
    if CALLBACK not in state["Resource"]:
        return _attempt(state, data, run, None)
    name, token = tokens.issue(run.record["stateMachineArn"])
    run.context["Task"] = {"Token": name}
    try:
        return _attempt(state, data, run, token)
    finally:
        tokens.end(name)
        run.context.pop("Task", None)


def _attempt(state: State, data: Json, run: Run, token: tokens.Token | None) -> Json:
    resource = state["Resource"]
    given = arguments(state, data, run)
    log = _LambdaLog(run, resource) if ":function:" in resource else _TaskLog(run, resource)
    log.scheduled(given)
    try:
        roles.check(run.record["stateMachineArn"], resource, given)
        result = _call(state, data, run, given, token, log)
        check_size(result, run.context["State"]["Name"])
    except Failed as failure:
        log.failed(failure)
        raise
    log.succeeded(result)
    return finish(state, data, run, result)


def _call(  # noqa: PLR0913, PLR0917 - a call needs all of these
    state: State, data: Json, run: Run, given: Json, token: tokens.Token | None, log: "_TaskLog"
) -> Json:
    timeout = number(state, "TimeoutSeconds", data, run)
    heartbeat = number(state, "HeartbeatSeconds", data, run)
    plain = state["Resource"].replace(CALLBACK, "")
    done = token.answered if token else threading.Event()
    nested = Nested(plain, given) if SYNC in plain else None
    queue_timer = worker_queue.QueueTimer()
    work = nested.run if nested else lambda: _invoke(plain, given, queue_timer, run)
    call = _Call(work, done, log if token else None)
    spawn(call.make)
    try:
        _await(run, done, _Clock(timeout, queue_timer), heartbeat if token else None, token)
    except BaseException:
        if nested:
            nested.stop()
        raise
    if token is None or (token.output is None and token.failure is None):
        return call.answer()
    if token.failure is not None:
        raise Failed(*token.failure)
    return json.loads(token.output or "null")


def _await(
    run: Run,
    done: threading.Event,
    clock: "_Clock",
    heartbeat: float | None,
    token: tokens.Token | None,
) -> None:
    """Wait for the answer until the state's time-out or heartbeat time-out."""
    while True:
        heartbeat_due = NEVER
        if token is not None and heartbeat is not None:
            heartbeat_due = token.last_heartbeat + heartbeat
        until = min(clock.ends(), heartbeat_due)
        if run.wait(done, None if until == NEVER else until):
            return
        now = time.monotonic()
        if now >= clock.ends():
            raise Failed("States.Timeout", "")
        if token is not None and heartbeat is not None and now >= token.last_heartbeat + heartbeat:
            raise Failed("States.HeartbeatTimeout", "")


class _Clock:
    """A state's time-out, without the time that its call waited for a worker."""

    def __init__(self, timeout: float | None, queue_timer: worker_queue.QueueTimer) -> None:
        self._queue_timer = queue_timer
        self._plain = NEVER if timeout is None else time.monotonic() + timeout

    def ends(self) -> float:
        return self._plain + self._queue_timer.seconds()


class _Call:
    """A service call on its own thread; with a task token, only its failure is used."""

    def __init__(
        self, work: Callable[[], Json], done: threading.Event, submitted: "_TaskLog | None"
    ) -> None:
        self._work, self._done, self._submitted = work, done, submitted
        self._result: Json = None
        self._error: BaseException | None = None

    def make(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - answer() raises it
            self._error = error
            self._done.set()
            return
        if self._submitted is None:
            self._done.set()
        elif not self._done.is_set():
            self._submitted.submitted(self._result)

    def answer(self) -> Json:
        if isinstance(self._error, Failed):
            raise self._error
        if self._error is not None:
            raise Failed("States.Runtime", f"{type(self._error).__name__}: {self._error}")
        return self._result


def _invoke(resource: str, given: Json, queue_timer: worker_queue.QueueTimer, run: Run) -> Json:
    """Call the resource with stock; correct the error name of a throttle and the envelope."""
    worker_queue.use_timer(queue_timer)
    try:
        with xray.function_call(run.record, _function_of(resource, given)):
            result = stock._invoke_resource(resource, given)
    except Failed as failure:
        throttled = "TooManyRequestsException" in str(failure.cause)
        if failure.error == "Lambda.Unknown" and throttled:
            raise Failed("Lambda.TooManyRequestsException", failure.cause) from failure
        raise
    if "states:::lambda:invoke" in resource:
        meta = {"SdkHttpMetadata": META, "SdkResponseMetadata": {"RequestId": new_uuid()}}
        return {"ExecutedVersion": "$LATEST", **result, **meta}
    return result


def _function_of(resource: str, given: Json) -> str | None:
    """Return the name of the function that is called; None for another service."""
    if ":function:" in resource:
        return resource.rpartition(":function:")[2]
    called = given.get("FunctionName") if "states:::lambda:" in resource else None
    return None if called is None else str(called).rpartition(":function:")[2]


class _TaskLog:
    """Writes the history of one attempt at a service integration."""

    def __init__(self, run: Run, resource: str) -> None:
        self._run = run
        service = resource.rpartition(":::")[2].split(":")[0]
        self._what = {"resourceType": service, "resource": resource.rsplit(":", 1)[-1]}

    def scheduled(self, given: Json) -> None:
        details = {"region": get_region(), "parameters": text(given)}
        self._run.log("TaskScheduled", "taskScheduledEventDetails", **self._what, **details)
        self._run.log("TaskStarted", "taskStartedEventDetails", **self._what)

    def submitted(self, result: Json) -> None:
        details = {**self._what, "output": text(result)}
        self._run.log("TaskSubmitted", "taskSubmittedEventDetails", **details)

    def failed(self, failure: Failed) -> None:
        kind = "TimedOut" if failure.error in TIMEOUTS else "Failed"
        details = {**self._what, "error": failure.error, "cause": failure.cause}
        self._run.log(f"Task{kind}", f"task{kind}EventDetails", **details)

    def succeeded(self, result: Json) -> None:
        details = {**self._what, "output": text(result)}
        self._run.log("TaskSucceeded", "taskSucceededEventDetails", **details)


class _LambdaLog(_TaskLog):
    """Writes the history of one attempt at a function named by its ARN."""

    def __init__(self, run: Run, resource: str) -> None:
        super().__init__(run, resource)
        self._arn = resource

    def scheduled(self, given: Json) -> None:
        details = {"resource": self._arn, "input": text(given)}
        self._run.log("LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails", **details)
        self._run.log("LambdaFunctionStarted")

    def failed(self, failure: Failed) -> None:
        kind = "TimedOut" if failure.error in TIMEOUTS else "Failed"
        details = {"error": failure.error, "cause": failure.cause}
        self._run.log(f"LambdaFunction{kind}", f"lambdaFunction{kind}EventDetails", **details)

    def succeeded(self, result: Json) -> None:
        details = {"output": text(result)}
        self._run.log("LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails", **details)
