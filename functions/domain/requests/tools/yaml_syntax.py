"""Parse another tool's YAML file strictly, as data that JSON could hold."""

import re
from collections.abc import Hashable
from typing import Any, ClassVar

import yaml

from contracts.documents.upload.problems import RequestProblem
from domain.requests.request_json import RequestRefusedError, printable

_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*)(?:\.[0-9_]*)?[eE][-+]?[0-9]+")
"""A number as Python writes it, ``1e-4``; YAML 1.1 reads that as a text."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Plain data only: no references between parts, no name twice, no dates."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, form) for tag, form in forms if not tag.endswith(":timestamp")]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - PyYAML's types
        """Refuse a reference to another part: a short file could mean a very long document."""
        if self.check_event(yaml.AliasEvent):
            raise _refused("References (*name) are not read; write the values out.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: ANN401 - PyYAML's signature
        """Refuse a name that is given twice."""
        names = [str(key.value) for key, _ in node.value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise RequestRefusedError(
                [RequestProblem(field=printable(name), message="Given twice.") for name in twice]
            )
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))


def parse_yaml(body: bytes) -> dict[str, Any]:
    """Return the file's content.

    Raises:
        RequestRefusedError: the file is not YAML, or holds more than plain data; the problem names
            the line, never the content.
    """
    try:
        given = yaml.load(body.decode("utf-8-sig"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError:
        raise _refused("The file is not UTF-8 text.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "." if mark is None else f": line {mark.line + 1}, column {mark.column + 1}."
        raise _refused(f"Not YAML of plain data{place}") from None
    except yaml.YAMLError:
        raise _refused("Not YAML of plain data.") from None
    except RecursionError:
        raise _refused("The file is nested too deeply.") from None
    except (
        ValueError,
        OverflowError,
        TypeError,
    ):  # a number that is too long, a name that is a list
        raise _refused("Not YAML of plain data.") from None
    if not isinstance(given, dict) or not _is_plain(given):
        raise _refused("The file must hold one table of plain values.")
    return given


def _is_plain(value: object) -> bool:
    """Return whether JSON could hold the value."""
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(inner) for name, inner in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    is_finite = not isinstance(value, float) or abs(value) < float("inf")
    return is_finite and (value is None or isinstance(value, str | int | float))


def _refused(message: str) -> RequestRefusedError:
    return RequestRefusedError([RequestProblem(field="", message=message)])
