"""CloudWatch Logs' filter patterns on fields of a JSON line: `{ $.level = "ERROR" }`.

Source: CloudWatch Logs' user guide, "Filter pattern syntax ... for JSON log events".
"""

import fnmatch
import json
import operator
import re
from collections.abc import Callable
from typing import Any

from local.cloud.typing_aliases import Json

Matcher = Callable[[str], bool]
Test = Callable[[Json], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<path>\$(?:\.[\w*-]+|\[\d+\]|\["[^"]*"\])+)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<regex>%[^%]+%)
    |(?P<op>&&|\|\||<=|>=|!=|[=<>(){}])|(?P<word>[^\s(){}=<>!&|"]+))""",
    re.VERBOSE,
)
_STEP = re.compile(r'\.([\w*-]+)|\[(\d+)\]|\["([^"]*)"\]')
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_MISSING = object()


class PatternError(ValueError):
    """A filter pattern that CloudWatch Logs refuses."""


def compile_pattern(pattern: str) -> Matcher:
    """Return a function that says whether a line matches; a line that is no JSON object never does.

    Raises:
        PatternError: the pattern is not understood.
    """
    parser = _Parser(pattern)
    parser.expect("{")
    test = parser.any_of()
    parser.expect("}")
    parser.end()

    def matches(line: str) -> bool:
        try:
            document = json.loads(line)
        except ValueError:
            return False
        return isinstance(document, dict) and test(document)

    return matches


class _Parser:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._next = 0
        rest = pattern.strip()
        while rest:
            found = _TOKEN.match(rest)
            if found is None:
                raise PatternError(f"Invalid filter pattern: {pattern}")
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            rest = rest[found.end() :].strip()

    def expect(self, text: str) -> None:
        """Read exactly this token."""
        if self._take()[1] != text:
            raise PatternError(f"Invalid filter pattern: '{text}' is expected")

    def end(self) -> None:
        """Check that nothing follows."""
        if self._next < len(self._tokens):
            raise PatternError("Invalid filter pattern: something follows the last brace")

    def any_of(self) -> Test:
        """Read terms between ||."""
        tests = [self._all_of()]
        while self._accept("||"):
            tests.append(self._all_of())
        return lambda document: any(test(document) for test in tests)

    def _all_of(self) -> Test:
        tests = [self._one()]
        while self._accept("&&"):
            tests.append(self._one())
        return lambda document: all(test(document) for test in tests)

    def _one(self) -> Test:
        if self._accept("("):
            inner = self.any_of()
            self.expect(")")
            return inner
        kind, path = self._take()
        if kind != "path":
            raise PatternError(f"Invalid filter pattern: '{path}' is no field such as $.level")
        compare = self._comparison()
        return lambda document: any(compare(value) for value in _values(document, path))

    def _comparison(self) -> Callable[[Any], bool]:
        _, relation = self._take()
        if relation.upper() in {"IS", "NOT"}:
            return self._state(relation.upper())
        kind, value = self._take()
        if relation in _ORDER:
            return _ordered(relation, value)
        if relation not in {"=", "!="}:
            raise PatternError(f"Invalid filter pattern: '{relation}' compares nothing")
        equal = _equal(kind, value)
        if relation == "=":
            return equal
        return lambda found: found is not _MISSING and not equal(found)

    def _state(self, relation: str) -> Callable[[Any], bool]:
        word = self._take()[1].upper()
        if relation == "NOT" and word == "EXISTS":
            return lambda found: found is _MISSING
        states = {"NULL": None, "TRUE": True, "FALSE": False}
        if relation != "IS" or word not in states:
            raise PatternError(f"Invalid filter pattern: '{relation} {word}'")
        wanted = states[word]
        return lambda found: found is wanted

    def _accept(self, text: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next][1] == text:
            self._next += 1
            return True
        return False

    def _take(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise PatternError("Invalid filter pattern: it ends too early")
        self._next += 1
        return self._tokens[self._next - 1]


def _equal(kind: str, value: str) -> Callable[[Any], bool]:
    """Compare with a number, a text with wildcards, or a regular expression between % signs."""
    if kind == "regex":
        expression = re.compile(value[1:-1])
        return lambda found: isinstance(found, str) and expression.search(found) is not None
    number = _number(value) if kind == "word" else None
    if number is not None:
        return lambda found: _number(found) == number
    wanted = json.loads(value) if kind == "text" else value
    pattern = wanted.replace("[", "[[]").replace("?", "[?]")
    return lambda found: isinstance(found, str) and fnmatch.fnmatchcase(found, pattern)


def _ordered(relation: str, value: str) -> Callable[[Any], bool]:
    limit, compare = _number(value), _ORDER[relation]
    if limit is None:
        raise PatternError(f"Invalid filter pattern: '{relation}' needs a number")

    def holds(found: Any) -> bool:
        number = _number(found)
        return number is not None and bool(compare(number, limit))

    return holds


def _number(value: Any) -> float | None:
    """Return a number, or None for anything else; a truth value is no number."""
    if isinstance(value, bool) or value is _MISSING:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _values(document: Json, path: str) -> list[Any]:
    """Return what a path leads to; `*` leads to every element."""
    found: list[Any] = [document]
    for name, index, quoted in _STEP.findall(path[1:]):
        found = [inner for each in found for inner in _step(each, name or quoted, index)]
    return found


def _step(value: Any, name: str, index: str) -> list[Any]:
    if index:
        inside = isinstance(value, list) and int(index) < len(value)
        return [value[int(index)]] if inside else [_MISSING]
    if name == "*":
        return list(value.values()) if isinstance(value, dict) else [_MISSING]
    return [value.get(name, _MISSING)] if isinstance(value, dict) else [_MISSING]
