"""JSONPath that fails when it finds nothing; stock continues with null."""

import re

from ministack.services import stepfunctions as stock

from local.cloud.states.failures import Failed
from local.cloud.typing_aliases import Json

MISSING = object()
HIDDEN = ("variables", "QueryLanguage")  # our own fields of the context, which AWS does not have

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")


def require(path: str, data: Json, context: dict[str, Json], field: str) -> Json:
    """Return the value of a path.

    Raises:
        Failed: States.Runtime; States.ALL does not catch it.
    """
    found = find(path, data, context)
    if found is MISSING:
        message = f"The JSONPath '{path}' specified for the field '{field}' could not be found"
        raise Failed("States.Runtime", f"{message} in the input")
    return found


def find(path: str, data: Json, context: dict[str, Json]) -> Json:
    """Return the value of a path in the state's data, the context object or a variable."""
    if path.startswith("$$"):
        shown = {key: value for key, value in context.items() if key not in HIDDEN}
        return find(path[1:], shown, context)
    if named := _VARIABLE.match(path):
        variables = context.get("variables", {})
        if named[1] not in variables:
            return MISSING
        return find("$" + path[named.end() :], variables[named[1]], context)
    steps = stock._parse_jsonpath_tokens(path)
    if steps is None:
        raise Failed("States.Runtime", f"Unsupported or invalid JSONPath {path!r}")
    return _follow(steps, data)


def _follow(steps: list[tuple[str, Json]], data: Json) -> Json:
    found = [data]
    for kind, key in steps:
        found = [value for parent in found for value in _children(parent, kind, key)]
    if any(kind == "wildcard" for kind, _ in steps):
        return found
    return found[0] if found else MISSING


def _children(parent: Json, kind: str, key: Json) -> list[Json]:
    if kind == "wildcard":
        return list(parent.values()) if isinstance(parent, dict) else _items(parent)
    if kind == "field":
        return [parent[key]] if isinstance(parent, dict) and key in parent else []
    return _items(parent)[key : key + 1]


def _items(parent: Json) -> list[Json]:
    return parent if isinstance(parent, list) else []


def fill(template: Json, data: Json, context: dict[str, Json] | None = None) -> Json:
    """Return a payload template with each `"name.$": path` replaced by the path's value."""
    context = context or {}
    if isinstance(template, list):
        return [fill(item, data, context) for item in template]
    if not isinstance(template, dict):
        return template
    return dict(_fill_field(key, value, data, context) for key, value in template.items())


def _fill_field(key: str, value: Json, data: Json, context: dict[str, Json]) -> tuple[str, Json]:
    if not (key.endswith(".$") and isinstance(value, str)):
        return key, fill(value, data, context)
    if value.startswith("States."):
        return key[:-2], stock._evaluate_intrinsic(value, data, context)
    return key[:-2], require(value, data, context, key)
