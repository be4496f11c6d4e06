"""Errors in a definition, for which CreateStateMachine refuses it; stock accepts any text.

The codes are those of ValidateStateMachineDefinition. Features that the embedded AWS cannot run are
refused with the code NOT_IN_THE_EMBEDDED_AWS; docs/differences.md lists them.
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
    """One error in a definition."""

    code: str
    message: str
    location: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.location}"


Faults = Iterator[Fault]


def faults(text: str) -> list[Fault]:
    """Return every error in a definition; an empty list accepts it."""
    try:
        machine = json.loads(text)
    except ValueError as error:
        return [Fault("INVALID_JSON_DESCRIPTION", str(error), "/")]
    if not isinstance(machine, dict):
        return [Fault("INVALID_JSON_DESCRIPTION", "not an object", "/")]
    unknown = sorted(set(machine) - grammar.MACHINE)
    found = [Fault(SCHEMA, f"Field '{field}' is not supported", "/") for field in unknown]
    return found + list(_machine(machine, "", machine.get("QueryLanguage", "JSONPath")))


def _machine(machine: Json, location: str, language: str) -> Faults:
    """Check a machine, a branch or a processor: its states and how they are reached."""
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        yield Fault(SCHEMA, "States is required", location)
        return
    start = machine.get("StartAt")
    if start is None:
        yield Fault(SCHEMA, "StartAt is required", location)
    reached = {start}
    for name, state in states.items():
        here = f"{location}/States/{name}"
        reached |= set(_targets(state))
        yield from _state(state, here, state.get("QueryLanguage", language))
    for name in sorted(reached - set(states) - {None}):
        yield Fault(TARGET, f"Missing 'Next' target: {name}", f"{location}/States")
    for name in sorted(set(states) - reached):
        yield Fault(TARGET, f'State "{name}" is not reachable.', f"{location}/States/{name}")


def _targets(state: Json) -> Iterator[str]:
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    named = [state.get("Next"), state.get("Default"), *(rule.get("Next") for rule in rules)]
    return (name for name in named if name is not None)


def _state(state: Json, location: str, language: str) -> Faults:
    kind = state.get("Type")
    if kind not in grammar.FIELDS:
        yield Fault(SCHEMA, f"Value is not valid: Type {kind}", f"{location}/Type")
        return
    yield from _fields(state, kind, location, language)
    if kind not in grammar.ENDS_ITSELF and ("Next" in state) == ("End" in state):
        yield Fault(SCHEMA, "Exactly one of Next and End is required", location)
    if kind == "Task":
        yield from _task(state, location)
    yield from _rules(state, location)
    yield from _paths(state, location)
    yield from _inner(state, location, language)


def _fields(state: Json, kind: str, location: str, language: str) -> Faults:
    other = "JSONata" if language == "JSONPath" else "JSONPath"
    known = grammar.COMMON | grammar.FIELDS[kind]
    for field in sorted(set(state) - known):
        yield Fault(SCHEMA, f"Field '{field}' is not supported", f"{location}/{field}")
    for field in sorted(set(state) & grammar.ONLY[other]):
        message = f"Field '{field}' is not supported when QueryLanguage is {language}"
        yield Fault(SCHEMA, message, f"{location}/{field}")
    needed = grammar.NEEDED.get(kind)
    if needed is not None and not state.get(needed):
        yield Fault(SCHEMA, f"{needed} is required", location)


def _task(state: Json, location: str) -> Faults:
    resource = state.get("Resource", "arn:")
    if not str(resource).startswith("arn:"):
        yield Fault(SCHEMA, "Value is not a valid resource ARN", f"{location}/Resource")
    elif not _is_callable(str(resource)):
        yield Fault(UNSUPPORTED, f"{resource} cannot be called here", f"{location}/Resource")
    heartbeat, timeout = state.get("HeartbeatSeconds"), state.get("TimeoutSeconds")
    if isinstance(heartbeat, int) and isinstance(timeout, int) and heartbeat >= timeout:
        message = "HeartbeatSeconds must be smaller than TimeoutSeconds"
        yield Fault(SCHEMA, message, f"{location}/HeartbeatSeconds")


def _is_callable(resource: str) -> bool:
    """Return whether the embedded AWS can call this resource."""
    if ":::" not in resource:
        return True  # a function or an activity, by its ARN
    name = resource.rpartition(":::")[2]
    if name.startswith("aws-sdk:"):
        service = name.split(":")[1]
        known = service in stock._AWS_SDK_SERVICE_MAP
        return known and not any(part in resource for part in grammar.NO_CALL)
    ours = ("lambda:invoke", "states:startExecution")
    return name.startswith(ours) or any(resource.startswith(p) for p in stock._SERVICE_DISPATCH)


def _rules(state: Json, location: str) -> Faults:
    for field in ("Retry", "Catch"):
        rules = state.get(field, [])
        for index, rule in enumerate(rules):
            here = f"{location}/{field}[{index}]"
            names = rule.get("ErrorEquals") or []
            if not names:
                yield Fault(SCHEMA, "ErrorEquals is required", here)
            if "States.ALL" in names and (len(names) > 1 or rule is not rules[-1]):
                yield Fault(SCHEMA, "States.ALL must appear alone and in the last rule", here)
            yield from _rule_values(rule, field, here)


def _rule_values(rule: Json, field: str, location: str) -> Faults:
    for name in sorted(set(rule) - grammar.RULE_FIELDS[field]):
        yield Fault(SCHEMA, f"Field '{name}' is not supported", f"{location}/{name}")
    for name, (minimum, maximum) in grammar.RANGES.items():
        value = rule.get(name, minimum)
        if not isinstance(value, int | float) or not minimum <= value <= maximum:
            yield Fault(SCHEMA, f"{name} must be from {minimum} to {maximum}", f"{location}/{name}")
    if rule.get("JitterStrategy", "FULL") not in ("FULL", "NONE"):
        yield Fault(SCHEMA, "JitterStrategy is FULL or NONE", f"{location}/JitterStrategy")
    if field == "Catch" and "Next" not in rule:
        yield Fault(SCHEMA, "Next is required", location)


def _paths(value: Json, location: str) -> Faults:
    """Check every JSONPath and intrinsic function of a state, without its inner machines."""
    for key, each in value.items():
        here = f"{location}/{key}"
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


def _path(path: str, location: str) -> Faults:
    if path.startswith("States."):
        for name in _INTRINSIC.findall(path):
            if name not in grammar.INTRINSICS:
                yield Fault(SCHEMA, f"The function {name} is not supported", location)
    elif not path.startswith("$") or stock._parse_jsonpath_tokens(_ROOT.sub("$", path)) is None:
        yield Fault(SCHEMA, "Value is not a Reference Path or JSONPath", location)


def _inner(state: Json, location: str, language: str) -> Faults:
    for index, branch in enumerate(state.get("Branches", [])):
        yield from _machine(branch, f"{location}/Branches[{index}]", language)
    for key in ("ItemProcessor", "Iterator"):
        if key in state:
            yield from _processor(state, state[key], f"{location}/{key}", language)


def _processor(state: Json, processor: Json, location: str, language: str) -> Faults:
    yield from _machine(processor, location, language)
    if (processor.get("ProcessorConfig") or {}).get("Mode") != "DISTRIBUTED":
        return
    if language == "JSONata":
        yield Fault(UNSUPPORTED, "A Distributed Map needs JSONPath here", location)
    for field in ("ItemBatcher", "ResultWriter"):
        if field in state:
            yield Fault(UNSUPPORTED, f"{field} is not carried out here", f"{location}/{field}")
