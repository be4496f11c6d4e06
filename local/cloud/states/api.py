"""The API. Each function takes a request's fields and returns ministack's answer."""

import json
import re
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import stepfunctions as stock
from ministack.services.cloudformation import provisioners

from local.cloud import xray
from local.cloud.states import definition, execution, status, tokens
from local.cloud.states.input_output import LIMIT_BYTES
from local.cloud.typing_aliases import Json, Stock

Request = dict[str, Json]
Handler = Callable[[Request], Stock]

NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
EXPRESSION_MILLISECONDS = 10_000
OK = 200
REDRIVE_TARGET = ".RedriveExecution"


def install() -> None:
    """Replace stock's interpreter and API functions by ours."""
    stock._run_execution = execution.run
    stock._run_sub_machine = execution.branch_of_map_run
    stock._emit_execution_status_event = status.publish
    stock._start_execution = _started_once(stock._start_execution)
    stock._stop_execution = _stop_execution
    stock._describe_execution = _with_redrive_facts(stock._describe_execution)
    stock._send_task_success = _send(_succeed)
    stock._send_task_failure = _send(_fail)
    stock._send_task_heartbeat = _send(_heartbeat)
    stock._create_state_machine = _checked(stock._create_state_machine)
    stock._update_state_machine = _checked(stock._update_state_machine)
    stock._validate_state_machine_definition = _validate
    stock.handle_request = _with_redrive(stock.handle_request)
    stock.reset = _halting_first(stock.reset)
    stock._list_executions = _with_redrive_counts(stock._list_executions)
    stock.jsonata = _with_longer_timeout(stock.jsonata)
    _check_in_cloudformation()


def _with_longer_timeout(engine: Stock) -> Stock:
    """Give an expression more time than AWS's one second, as a busy laptop needs longer."""

    def compile_with_time(expression: str, timeout: int = 0) -> Stock:
        return engine.Jsonata.jsonata(expression, timeout=max(timeout, EXPRESSION_MILLISECONDS))

    compiler = SimpleNamespace(jsonata=compile_with_time)
    return SimpleNamespace(Jsonata=compiler, utils=engine.utils)


def _error(code: str, message: str) -> Stock:
    return error_response_json(code, message, 400)


def _started_once(start: Handler) -> Handler:
    """StartExecution: check the request; the same name and input is the same execution."""

    def started(request: Request) -> Stock:
        given, name = request.get("input", "{}"), request.get("name")
        refused = _refused(given, name)
        if refused is not None:
            return refused
        running = _execution_named(request.get("stateMachineArn", ""), name)
        if running is not None and running["status"] == "RUNNING" and running["input"] == given:
            return json_response({key: running[key] for key in ("executionArn", "startDate")})
        named = {**request, "name": name or str(uuid.uuid4())}
        xray.goes_on(_execution_arn(named), request.get("traceHeader"))
        answer = start(named)
        _begin_history(request, answer)
        return answer

    return started


def _refused(given: str, name: str | None) -> Stock | None:
    if name is not None and not NAME.fullmatch(name):
        return _error("InvalidName", f"Invalid Name: '{name}'")
    if len(given.encode()) > LIMIT_BYTES:
        message = "Value at 'input' failed to satisfy constraint: Member must have length less"
        return _error("ValidationException", f"{message} than or equal to {LIMIT_BYTES}")
    try:
        json.loads(given)
    except ValueError as error:
        text = f"Invalid State Machine Execution Input: '{error}'"
        return _error("InvalidExecutionInput", text)
    return None


def _execution_named(machine: str, name: str | None) -> Stock | None:
    if name is None:
        return None
    return stock._executions.get(_execution_arn({"stateMachineArn": machine, "name": name}))


def _execution_arn(request: Request) -> str | None:
    """Return the ARN of the execution that a StartExecution with a name makes."""
    arn = stock._resolve_state_machine_arn(request.get("stateMachineArn", ""))
    if arn is None:
        return None
    title = stock._state_machines[arn]["name"]
    region, account = get_region(), get_account_id()
    return f"arn:aws:states:{region}:{account}:execution:{title}:{request['name']}"


def _begin_history(request: Request, answer: Stock) -> None:
    """Add the fields that stock leaves out of the first event."""
    if answer[0] == OK:
        record = stock._executions[json.loads(answer[2])["executionArn"]]
        record["events"][0]["previousEventId"] = 0
        record["input"] = request.get("input", "{}")


def _stop_execution(request: Request) -> Stock:
    arn = request.get("executionArn", "")
    record = stock._executions.get(arn)
    if record is None:
        return _error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    execution.stop(arn, request.get("error"), request.get("cause"))
    return json_response({"stopDate": record["stopDate"]})


def _with_redrive_facts(describe: Handler) -> Handler:
    def described(request: Request) -> Stock:
        answer = describe(request)
        record = stock._executions.get(request.get("executionArn"))
        if record is None:
            return answer
        found = json.loads(answer[2])
        if found["output"] is None:
            del found["output"], found["outputDetails"]
        trace = {"traceHeader": record["traceHeader"]} if "traceHeader" in record else {}
        return json_response({**found, **trace, **status.redrive_facts(record)})

    return described


def _with_redrive_counts(list_executions: Handler) -> Handler:
    def listed(request: Request) -> Stock:
        answer = list_executions(request)
        if answer[0] != OK:
            return answer
        found = json.loads(answer[2])
        for item in found["executions"]:
            record = stock._executions[item["executionArn"]]
            facts = {key: record[key] for key in ("redriveCount", "redriveDate") if key in record}
            item.update(facts)
        return json_response(found)

    return listed


def _with_redrive(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Add RedriveExecution to stock's dispatcher."""

    async def handled(method: str, path: str, headers: Json, body: bytes, query: Json) -> Stock:
        if headers.get("x-amz-target", "").endswith(REDRIVE_TARGET):
            return stock._finalize_response(_redrive(json.loads(body)))
        return await handle(method, path, headers, body, query)

    return handled


def _redrive(request: Request) -> Stock:
    arn = request.get("executionArn", "")
    record = stock._executions.get(arn)
    if record is None:
        return _error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    if record["status"] not in status.REDRIVABLE:
        reason = f"Execution is {record['status']} and cannot be redriven"
        return _error("ExecutionNotRedrivable", reason)
    if record["stateMachineArn"] not in stock._state_machines:
        return _error("ExecutionNotRedrivable", "The state machine does not exist any more")
    return json_response({"redriveDate": execution.redrive(record)})


def _send(act: Callable[[tokens.Token, Request], None]) -> Handler:
    def sent(request: Request) -> Stock:
        try:
            json.loads(request.get("output", "null"))
        except ValueError:
            return _error("InvalidOutput", "Invalid Output: 'Output is not valid JSON'")
        try:
            act(tokens.waiting(request.get("taskToken")), request)
        except tokens.UnknownTokenError as error:
            return _error(error.code, str(error))
        return json_response({})

    return sent


def _succeed(token: tokens.Token, request: Request) -> None:
    token.output = request.get("output", "null")
    token.answered.set()


def _fail(token: tokens.Token, request: Request) -> None:
    token.failure = (request.get("error", ""), request.get("cause", ""))
    token.answered.set()


def _heartbeat(token: tokens.Token, _request: Request) -> None:
    token.last_heartbeat = tokens.now()


def _checked(handler: Handler) -> Handler:
    def checked(request: Request) -> Stock:
        text = request.get("definition")
        faults = definition.faults(text) if text is not None else []
        if faults:
            return _error("InvalidDefinition", _fault_text(faults))
        return handler(request)

    return checked


def _fault_text(faults: list[definition.Fault]) -> str:
    return f"Invalid State Machine Definition: '{', '.join(map(str, faults))}'"


def _validate(request: Request) -> Stock:
    faults = definition.faults(request["definition"])
    diagnostics = [
        {"severity": "ERROR", "code": each.code, "message": each.message, "location": each.location}
        for each in faults
    ]
    return json_response({"result": "FAIL" if faults else "OK", "diagnostics": diagnostics})


def _check_in_cloudformation() -> None:
    """Check definitions from CloudFormation too; stock stores them without calling the API."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::StepFunctions::StateMachine"]
    create = handler["create"]

    def checked_create(logical_id: str, properties: Json, stack: Stock) -> Stock:
        faults = definition.faults(provisioners._sfn_definition(properties))
        if faults:
            raise ValueError(_fault_text(faults))
        return create(logical_id, properties, stack)

    handler["create"] = checked_create


def _halting_first(reset: Callable[[], None]) -> Callable[[], None]:
    def halt_and_reset() -> None:
        execution.halt_all()
        tokens.reset()
        reset()

    return halt_and_reset
