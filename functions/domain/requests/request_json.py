"""Parse untrusted JSON strictly, and describe its problems to the owner."""

import difflib
import json
from collections.abc import Sequence
from typing import Any

from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from domain.requests.aliases import ALIASES

MAX_REQUEST_BYTES = 64 * 1024
MAX_PROBLEMS = 50


class RequestRefusedError(Exception):
    """The request has problems; ``problems`` lists all of them."""

    def __init__(self, problems: Sequence[RequestProblem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object; refuse names given twice, NaN and infinities."""
    try:
        given = json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_constant
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
    if not isinstance(given, dict):
        raise _refused("The file must hold one JSON object: { ... }.")
    return given


def doubled(given: dict[str, Any], renamed: dict[str, str]) -> list[RequestProblem]:
    """Return a problem for each field that is given under two names."""
    names: dict[str, list[str]] = {}
    for name in given:
        names.setdefault(renamed.get(name, name), []).append(name)
    return [
        RequestProblem(field=ours, message=f"Given under more than one name: {', '.join(all_)}.")
        for ours, all_ in names.items()
        if len(all_) > 1
    ]


def problem_of(detail: Any, theirs: dict[str, str]) -> RequestProblem:  # noqa: ANN401 - pydantic's
    """Return a pydantic error as a problem, with the client's names but not its values."""
    first, *rest = detail["loc"] or ("",)
    field = ".".join(
        [theirs.get(str(first), printable(str(first))), *(printable(str(part)) for part in rest)]
    )[:80]
    if detail["type"] == "extra_forbidden":
        known = [*TrainingRequest.model_fields, *ALIASES]
        near = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1, cutoff=0.6)
        nearest = ALIASES.get(near[0], near[0]) if near else None
        message = "Unknown name." if nearest is None else f"Unknown name; did you mean {nearest}?"
        return RequestProblem(field=field, message=message, nearest=nearest)
    message = detail["msg"].removeprefix("Value error, ").rstrip(".") + "."
    return RequestProblem(field=field, message=message[:300])


def printable(text: str) -> str:
    r"""Return a user's text in a form that can be shown: short, without control characters.

    >>> printable("a\nb" + "x" * 100) == "a?b" + "x" * 37
    True
    """
    return "".join(c if c.isprintable() else "?" for c in text[:40])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
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
