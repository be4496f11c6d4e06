"""Write docs/settings.md: every setting of a stack and of a request, and how it is set.

Usage: PYTHONPATH=functions:. python docs/settings.py [--check]
It reads the parameters of template.yaml, the fields of `run`, what trainer and server read, and
docs/internal_settings.toml. --check writes nothing and fails when the page is old.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.documents.upload.run import RunOptions
from local.knobs import Knob, doors, knobs
from local.template import read

DOCS = Path(__file__).resolve().parent
PAGE, INTERNAL = DOCS / "settings.md", DOCS / "internal_settings.toml"
INTERFACE = "AWS::CloudFormation::Interface"

HEAD = """# Settings

Everything that can be set, and where. `docs/settings.py` writes this page from `template.yaml`,
from `functions/contracts/documents/upload/run.py` and from what the programs read; `make generated`
runs it.

An operator sets the parameters of the stack (`sam deploy --guided`, or `parameter_overrides` in
`samconfig.toml`). A request chooses within them. `sam deploy` refuses a value that cannot work. The
notice of a request that chooses too much (`run_not_allowed`) says what is allowed.
"""

RUN = """
## What a request chooses: `run`

[intake.md](intake.md#requestjson) and [training.md](training.md) describe the other fields of
request.json.
"""

PROGRAMS = """
## What trainer and server read

Each variable and hyperparameter, and the door through which it is set.
"""

INSIDE = """
## What nobody sets

Read by trainer or server, but set by SageMaker, by an image or by our own programs. A row of
`docs/internal_settings.toml` says why.
"""


def page() -> str:
    """Return the page."""
    template = read()
    doors_of = doors(template)
    found = [(knob, doors_of(knob)) for knob in knobs()]
    return "".join(
        [
            HEAD,
            *(line for group in groups(template) for line in group_lines(group, template)),
            RUN,
            *table(("field", "values", "meaning"), run_rows()),
            PROGRAMS,
            *table(("read by", "name", "set by"), door_rows(found)),
            INSIDE,
            *table(("read by", "name", "why"), internal_rows(internal())),
        ]
    )


def groups(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the groups of parameters, as CloudFormation's console shows them."""
    found: list[dict[str, Any]] = template["Metadata"][INTERFACE]["ParameterGroups"]
    return found


def group_lines(group: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[str]:
    """Yield a group's heading and its table of parameters."""
    yield f"\n## {group['Label']['default']}\n"
    rows = [parameter_row(name, template["Parameters"][name]) for name in group["Parameters"]]
    yield from table(("parameter", "default", "values", "meaning"), rows)


def parameter_row(name: str, parameter: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the row of one parameter."""
    default = f"`{parameter['Default']}`" if "Default" in parameter else "required"
    return f"`{name}`", default, values_of(parameter), sentence(parameter["Description"])


def values_of(parameter: Mapping[str, Any]) -> str:
    """Return the values that CloudFormation accepts."""
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if "AllowedPattern" in parameter:
        return f"`{parameter['AllowedPattern']}`"
    return f"{parameter['MinValue']} to {parameter['MaxValue']}"


def run_rows() -> Iterator[tuple[str, ...]]:
    """Yield the rows of the fields of ``run``."""
    for name, schema in RunOptions.model_json_schema()["properties"].items():
        yield f"`{name}`", schema_values(schema["anyOf"][0]), sentence(schema["description"])


def schema_values(schema: Mapping[str, Any]) -> str:
    """Return the values that a JSON Schema accepts.

    >>> schema_values({"type": "boolean"}), schema_values({"minimum": 1, "maximum": 2})
    ('true, false', '1 to 2')
    """
    if schema.get("type") == "boolean":
        return "true, false"
    return (
        f"`{schema['pattern']}`"
        if "pattern" in schema
        else "{minimum} to {maximum}".format_map(schema)
    )


def door_rows(found: Iterable[tuple[Knob, list[str]]]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the knobs that have a door."""
    for knob, its_doors in found:
        if its_doors:
            shown = ", ".join(f"`{door}`" for door in its_doors)
            yield f"{knob.program}, {knob.kind}", f"`{knob.name}`", shown


def internal() -> dict[str, dict[str, dict[str, str]]]:
    """Return the reasons of the knobs without a door: program -> name -> reason."""
    return tomllib.loads(INTERNAL.read_text())


def internal_rows(rows: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the knobs without a door."""
    for program, names in rows.items():
        for name, row in sorted(names.items()):
            yield program, f"`{name}`", row["reason"]


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"\n| {' | '.join(heads)} |\n"
    yield "|" + "---|" * len(heads) + "\n"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n"


def sentence(text: str) -> str:
    r"""Return a text in one line.

    >>> sentence(" a\n b ")
    'a b'
    """
    return " ".join(text.split())


def main() -> int:
    """Write the page, or with --check only compare it; return the exit status."""
    text = page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text() != text)
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
