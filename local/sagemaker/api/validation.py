"""Checks requests against botocore's service model of SageMaker, which contains AWS's rules."""

import re
from functools import cache

import botocore.session

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker.api.errors import ServiceError


@cache
def service_model() -> Stock:
    """Return botocore's model; it is large, so it is read once."""
    return botocore.session.Session().get_service_model("sagemaker")


def check(operation: str, params: Json) -> None:
    """Raise for an invalid request; like AWS, with all errors in one message.

    Raises:
        ServiceError: ValidationException.
    """
    shape = service_model().operation_model(operation).input_shape
    faults = [] if shape is None else find_faults(shape, params, "")
    if faults:
        noun = "error" if len(faults) == 1 else "errors"
        message = f"{len(faults)} validation {noun} detected: {'; '.join(faults)}"
        raise ServiceError("ValidationException", message)


def find_faults(shape: Stock, value: Json, path: str) -> list[str]:
    """Return the errors of one value and of its members."""
    inner = {"structure": _in_structure, "list": _in_list, "map": _in_map}.get(shape.type_name)
    found = _on_value(shape, value, path)
    return found if found or inner is None else found + inner(shape, value, path)


PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}


def _on_value(shape: Stock, value: Json, path: str) -> list[str]:
    types = PYTHON_TYPES.get(shape.type_name)
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        return [_fault(value, path, f"Member must be of type {shape.type_name}")]
    size = len(value) if isinstance(value, (str, list, dict)) else value
    what = "value" if isinstance(value, (int, float)) else "length"
    rules = shape.metadata
    found = []
    if "min" in rules and size < rules["min"]:
        found.append(f"Member must have {what} greater than or equal to {rules['min']}")
    if "max" in rules and size > rules["max"]:
        found.append(f"Member must have {what} less than or equal to {rules['max']}")
    if rules.get("pattern") and not _matches(rules["pattern"], value):
        found.append(f"Member must satisfy regular expression pattern: ^{rules['pattern']}$")
    if rules.get("enum") and value not in rules["enum"]:
        found.append(f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]")
    return [_fault(value, path, text) for text in found]


def _matches(pattern: str, value: str) -> bool:
    r"""Match a Java pattern; `re` has no classes like \p{L} (in tags), so those always match."""
    return "\\p{" in pattern or re.fullmatch(pattern, value) is not None


def _in_structure(shape: Stock, value: Json, path: str) -> list[str]:
    missing = [
        _fault(None, _join(path, name), "Member must not be null")
        for name in shape.required_members
        if value.get(name) is None
    ]
    present = [(name, value[name]) for name in shape.members if value.get(name) is not None]
    unknown = [
        _fault(name, path or "request", "Member is not known")
        for name in value.keys() - shape.members
    ]
    return (
        missing
        + unknown
        + [
            fault
            for name, held in present
            for fault in find_faults(shape.members[name], held, _join(path, name))
        ]
    )


def _in_list(shape: Stock, value: Json, path: str) -> list[str]:
    return [
        fault
        for index, held in enumerate(value, start=1)
        for fault in find_faults(shape.member, held, f"{path}.{index}.member")
    ]


def _in_map(shape: Stock, value: Json, path: str) -> list[str]:
    return [
        fault
        for key, held in value.items()
        for fault in [
            *find_faults(shape.key, key, f"{path}.key"),
            *find_faults(shape.value, held, f"{path}.{key}.member"),
        ]
    ]


def _join(path: str, name: str) -> str:
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _fault(value: Json, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def coerce(operation: str, properties: Json) -> Json:
    """Return a template's properties with the API's types; a template may give numbers as text."""
    return _coerce(service_model().operation_model(operation).input_shape, properties)


def _coerce(shape: Stock, value: Json) -> Json:
    if shape.type_name == "structure" and isinstance(value, dict):
        known = shape.members
        return {
            name: _coerce(known[name], held) if name in known else held
            for name, held in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_coerce(shape.member, held) for held in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _coerce(shape.value, held) for key, held in value.items()}
    return _scalar(shape.type_name, value)


def _scalar(type_name: str, value: Json) -> Json:
    try:
        if type_name in {"integer", "long"}:
            return int(value)
        if type_name in {"float", "double"}:
            return float(value)
    except (TypeError, ValueError):
        return value
    if type_name == "boolean":
        return str(value).lower() == "true"
    if type_name == "string" and not isinstance(value, (dict, list)):
        return str(value)
    return value
