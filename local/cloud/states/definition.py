"""What CreateStateMachine refuses. Stock accepts any text and fails when it runs.

Codes are those of ValidateStateMachineDefinition. Features that nothing here can run are refused
with the code NOT_IN_THE_EMBEDDED_AWS: docs/differences.md lists them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ministack.services import stepfunctions as stock

from local.cloud.states import grammar
from local.cloud.typing_aliases import Json

SCHEMA = "SCHEMA_VALIDATION_FAILED"
TARGET = "MISSING_TRANSITION_TARGET"
UNSUPPORTED = "NOT_IN_THE_EMBEDDED_AWS"

_INTRINSIC = re.compile(r"States\.(\w+)\(")
_ROOT = re.compile(r"^\$\$?\w*")


@dataclass(frozen=True)
class Fault:
    """One reason to refuse a definition."""

    code: str
    message: str
    place: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.place}"


Faults = Iterator[Fault]


def faults(text: str) -> list[Fault]:
    """Return every reason to refuse this definition; none: it is accepted."""
    try:
        machine = json.loads(text)
    except ValueError as error:
        return [Fault("INVALID_JSON_DESCRIPTION", str(error), "/")]
    if not isinstance(machine, dict):
        return [Fault("INVALID_JSON_DESCRIPTION", "not an object", "/")]
    unknown = sorted(set(machine) - grammar.MACHINE)
    found = [Fault(SCHEMA, f"Field '{field}' is not supported", "/") for field in unknown]
    return found + list(_machine(machine, "", machine.get("QueryLanguage", "JSONPath")))


def _machine(machine: Json, place: str, language: str) -> Faults:
    """Check a machine, a branch or a processor: its states and how they are reached."""
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        yield Fault(SCHEMA, "States is required", place)
        return
    start = machine.get("StartAt")
    if start is None:
        yield Fault(SCHEMA, "StartAt is required", place)
    reached = {start}
    for name, state in states.items():
        here = f"{place}/States/{name}"
        reached |= set(_following(state))
        yield from _state(state, here, state.get("QueryLanguage", language))
    for name in sorted(reached - set(states) - {None}):
        yield Fault(TARGET, f"Missing 'Next' target: {name}", f"{place}/States")
    for name in sorted(set(states) - reached):
        yield Fault(TARGET, f'State "{name}" is not reachable.', f"{place}/States/{name}")


def _following(state: Json) -> Iterator[str]:
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    named = [state.get("Next"), state.get("Default"), *(rule.get("Next") for rule in rules)]
    return (name for name in named if name is not None)


def _state(state: Json, place: str, language: str) -> Faults:
    kind = state.get("Type")
    if kind not in grammar.FIELDS:
        yield Fault(SCHEMA, f"Value is not valid: Type {kind}", f"{place}/Type")
        return
    yield from _fields(state, kind, place, language)
    if kind not in grammar.ENDS_ITSELF and ("Next" in state) == ("End" in state):
        yield Fault(SCHEMA, "Exactly one of Next and End is required", place)
    if kind == "Task":
        yield from _task(state, place)
    yield from _rules(state, place)
    yield from _paths(state, place)
    yield from _inner(state, place, language)


def _fields(state: Json, kind: str, place: str, language: str) -> Faults:
    other = "JSONata" if language == "JSONPath" else "JSONPath"
    known = grammar.COMMON | grammar.FIELDS[kind]
    for field in sorted(set(state) - known):
        yield Fault(SCHEMA, f"Field '{field}' is not supported", f"{place}/{field}")
    for field in sorted(set(state) & grammar.ONLY[other]):
        message = f"Field '{field}' is not supported when QueryLanguage is {language}"
        yield Fault(SCHEMA, message, f"{place}/{field}")
    needed = grammar.NEEDED.get(kind)
    if needed is not None and not state.get(needed):
        yield Fault(SCHEMA, f"{needed} is required", place)


def _task(state: Json, place: str) -> Faults:
    resource = state.get("Resource", "arn:")
    if not str(resource).startswith("arn:"):
        yield Fault(SCHEMA, "Value is not a valid resource ARN", f"{place}/Resource")
    elif not _answered(str(resource)):
        yield Fault(UNSUPPORTED, f"{resource} cannot be called here", f"{place}/Resource")
    heartbeat, timeout = state.get("HeartbeatSeconds"), state.get("TimeoutSeconds")
    if isinstance(heartbeat, int) and isinstance(timeout, int) and heartbeat >= timeout:
        message = "HeartbeatSeconds must be smaller than TimeoutSeconds"
        yield Fault(SCHEMA, message, f"{place}/HeartbeatSeconds")


def _answered(resource: str) -> bool:
    """Return whether something here answers a call to this resource."""
    if ":::" not in resource:
        return True  # a function or an activity, by its ARN
    name = resource.rpartition(":::")[2]
    if name.startswith("aws-sdk:"):
        service = name.split(":")[1]
        known = service in stock._AWS_SDK_SERVICE_MAP
        return known and not any(part in resource for part in grammar.NO_CALL)
    ours = ("lambda:invoke", "states:startExecution")
    return name.startswith(ours) or any(resource.startswith(p) for p in stock._SERVICE_DISPATCH)


def _rules(state: Json, place: str) -> Faults:
    for field in ("Retry", "Catch"):
        rules = state.get(field, [])
        for index, rule in enumerate(rules):
            here = f"{place}/{field}[{index}]"
            names = rule.get("ErrorEquals") or []
            if not names:
                yield Fault(SCHEMA, "ErrorEquals is required", here)
            if "States.ALL" in names and (len(names) > 1 or rule is not rules[-1]):
                yield Fault(SCHEMA, "States.ALL must appear alone and in the last rule", here)
            yield from _rule_values(rule, field, here)


def _rule_values(rule: Json, field: str, place: str) -> Faults:
    for name in sorted(set(rule) - grammar.RULE_FIELDS[field]):
        yield Fault(SCHEMA, f"Field '{name}' is not supported", f"{place}/{name}")
    for name, (least, most) in grammar.RANGES.items():
        value = rule.get(name, least)
        if not isinstance(value, int | float) or not least <= value <= most:
            yield Fault(SCHEMA, f"{name} must be from {least} to {most}", f"{place}/{name}")
    if rule.get("JitterStrategy", "FULL") not in ("FULL", "NONE"):
        yield Fault(SCHEMA, "JitterStrategy is FULL or NONE", f"{place}/JitterStrategy")
    if field == "Catch" and "Next" not in rule:
        yield Fault(SCHEMA, "Next is required", place)


def _paths(value: Json, place: str) -> Faults:
    """Check every JSONPath and intrinsic function below a state, its inner machines left out."""
    for key, each in value.items():
        here = f"{place}/{key}"
        if key in grammar.INNER:
            continue
        if isinstance(each, dict):
            yield from _paths(each, here)
        elif isinstance(each, list):
            for item in each:
                if isinstance(item, dict):
                    yield from _paths(item, here)
        elif isinstance(each, str) and (key.endswith(".$") or key in grammar.PATHS):
            yield from _path(each, here)


def _path(path: str, place: str) -> Faults:
    if path.startswith("States."):
        for name in _INTRINSIC.findall(path):
            if name not in grammar.INTRINSICS:
                yield Fault(SCHEMA, f"The function {name} is not supported", place)
    elif not path.startswith("$") or stock._parse_jsonpath_tokens(_ROOT.sub("$", path)) is None:
        yield Fault(SCHEMA, "Value is not a Reference Path or JSONPath", place)


def _inner(state: Json, place: str, language: str) -> Faults:
    for index, branch in enumerate(state.get("Branches", [])):
        yield from _machine(branch, f"{place}/Branches[{index}]", language)
    for key in ("ItemProcessor", "Iterator"):
        if key in state:
            yield from _processor(state, state[key], f"{place}/{key}", language)


def _processor(state: Json, processor: Json, place: str, language: str) -> Faults:
    yield from _machine(processor, place, language)
    if (processor.get("ProcessorConfig") or {}).get("Mode") != "DISTRIBUTED":
        return
    if language == "JSONata":
        yield Fault(UNSUPPORTED, "A Distributed Map needs JSONPath here", place)
    for field in ("ItemBatcher", "ResultWriter"):
        if field in state:
            yield Fault(UNSUPPORTED, f"{field} is not carried out here", f"{place}/{field}")
