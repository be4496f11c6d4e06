"""Parse untrusted JSON strictly, and describe its problems to the owner."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.documents.upload.consent import Consent
from contracts.documents.upload.grid import Halving, SweepGrid
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.documents.upload.run import RunOptions
from contracts.documents.upload.subject import Subject
from domain.requests.aliases import ALIASES, RUN_ALIASES
from domain.requests.hints import name_meant

MAX_REQUEST_BYTES = 64 * 1024
MAX_PROBLEMS = 50

OF_REQUEST = {name: name for name in TrainingRequest.model_fields} | ALIASES
"""Every name that request.json may have -> our name."""

OF_RUN = {
    name: f"run.{our}"
    for name, our in ({field: field for field in RunOptions.model_fields} | RUN_ALIASES).items()
}
"""Every name that ``run`` may have -> the path of our name."""

OF_SWEEP = {
    name: f"sweep.{our}"
    for name, our in ({field: field for field in SweepGrid.model_fields} | ALIASES).items()
    if our in SweepGrid.model_fields
}
"""Every name of what a sweep varies -> the path of our name."""

INSIDE: Mapping[str, Mapping[str, str]] = {
    "run": OF_RUN,
    "sweep": OF_SWEEP,
    "halving": {name: f"sweep.halving.{name}" for name in Halving.model_fields},
    "consent": {name: f"consent.{name}" for name in Consent.model_fields},
    "subjects": {name: f"subjects.{name}" for name in Subject.model_fields},
}
"""Every name that stands inside one of these fields -> the path of our name."""


IN_JSON = {
    "a valid tuple": "a list",
    "Tuple should": "List should",
    r"a valid dictionary or instance of \w+": "an object: { ... }",
}
"""pydantic's word for a kind of value -> that of somebody who writes JSON."""


class RequestRefusedError(Exception):
    """The request has problems; ``problems`` lists all of them."""

    def __init__(self, problems: Sequence[RequestProblem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object; refuse names given twice, NaN and infinities."""
    given = _parse(body)
    if not isinstance(given, dict):
        raise _refused("The file must hold one JSON object: { ... }.")
    return given


def parse_list(body: bytes) -> list[Any]:
    """Return the JSON list, as strictly as an object."""
    given = _parse(body)
    if not isinstance(given, list):
        raise _refused("The file must hold one JSON list: [ ... ].")
    return given


def _parse(body: bytes) -> Any:  # noqa: ANN401 - a JSON value
    try:
        return json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=each_once, parse_constant=_no_constant
        )
    except UnicodeDecodeError:
        raise _refused("The file is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        message = f"Not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        raise _refused(message) from None
    except RecursionError:
        raise _refused("The file is nested too deeply.") from None
    except ValueError:  # a number with thousands of digits
        raise _refused("The file holds a number that is too long.") from None


def doubled(
    given: Mapping[str, Any], renamed: Mapping[str, str], folder: str = ""
) -> list[RequestProblem]:
    """Return a problem for each field that is given under two names; ``folder`` begins its path."""
    names: dict[str, list[str]] = {}
    for name in given:
        names.setdefault(renamed.get(name, name), []).append(name)
    return [
        RequestProblem(
            field=folder + ours, message=f"Given under more than one name: {', '.join(all_)}."
        )
        for ours, all_ in names.items()
        if len(all_) > 1
    ]


def texts_in(value: object) -> Iterator[str]:
    """Yield the texts in a field.

    >>> list(texts_in({"a": ["b", 1], "c": "d"}))
    ['b', 'd']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def problem_of(detail: Any, theirs: dict[str, str]) -> RequestProblem:  # noqa: ANN401 - pydantic's
    """Return a pydantic error as a problem, with the client's names but not its values."""
    path = [str(part) for part in detail["loc"]] or [_named_in(detail["msg"], theirs)]
    first, *rest = path
    whole = ".".join([theirs.get(first, printable(first)), *map(printable, rest)])
    field = theirs.get(".".join(path), whole)[:80]
    if detail["type"] == "extra_forbidden":
        nearest = nearest_name(path)
        message = "Unknown name." if nearest is None else f"Unknown name; did you mean {nearest}?"
        return RequestProblem(field=field, message=message, nearest=nearest)
    message = detail["msg"].removeprefix("Value error, ").rstrip(".") + "."
    for python, json_word in IN_JSON.items():
        message = re.sub(python, json_word, message)
    return RequestProblem(field=field, message=message[:300])


def _named_in(message: str, theirs: Mapping[str, str]) -> str:
    """Return the field that begins a rule's message, if the client calls it otherwise."""
    first = message.removeprefix("Value error, ").split(" ", 1)[0]
    return first if theirs.get(first, first) != first else ""


def nearest_name(path: Sequence[str]) -> str | None:
    """Return the known name that was meant by the last part of an unknown field's path, if any.

    >>> nearest_name(["max_steps_train"]), nearest_name(["run", "instance_typ"])
    ('max_train_steps', 'run.instance_type')
    >>> nearest_name(["instance_type"])  # known in run only
    'run.instance_type'
    >>> nearest_name(["sweep", "lr"]), nearest_name(["sweep", "seed"])
    ('sweep.learning_rate', None)
    """
    inside = [part for part in path[:-1] if part in INSIDE]
    known = INSIDE[inside[-1]] if inside else OF_RUN | OF_REQUEST
    near = name_meant(path[-1], known)
    return None if near is None else known[near]


def printable(text: str) -> str:
    r"""Return a user's text in a form that can be shown: short, without control characters.

    >>> printable("a\nb" + "x" * 100) == "a?b" + "x" * 37
    True
    """
    return "".join(c if c.isprintable() else "?" for c in text[:40])


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of a JSON object, as ``json.loads`` asks for them.

    Raises:
        RequestRefusedError: a name is given twice.
    """
    counted = Counter(name for name, _ in pairs)
    twice = sorted(name for name, times in counted.items() if times > 1)
    if twice:
        raise RequestRefusedError(
            [RequestProblem(field=printable(name), message="Given twice.") for name in twice]
        )
    return dict(pairs)


def _no_constant(name: str) -> None:
    message = f"{name} is not a number in JSON."
    raise _refused(message)


def _refused(message: str) -> RequestRefusedError:
    return RequestRefusedError([RequestProblem(field="", message=message)])
