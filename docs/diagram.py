"""Draw the workflow from its definition, as Mermaid, into the Markdown files that show it.

Usage: python docs/diagram.py [--check]
The drawing stands between two marker comments; --check only says whether it is up to date.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DEFINITION = ROOT / "statemachine" / "train_adapter.asl.json"
SHOWN_IN = (ROOT / "README.md", ROOT / "docs" / "one_request.md")
BEGIN, END = "<!-- diagram: docs/diagram.py -->", "<!-- /diagram -->"
SHAPES = {"Task": ("[", "]"), "Choice": ("{", "}"), "Succeed": ("([", "])"), "Fail": ("[[", "]]")}


def mermaid(definition: dict[str, Any]) -> str:
    """Return the states and the ways between them; the shared catch is drawn once."""
    lines = ["```mermaid", "flowchart TD", f"  start((S3 put)) --> {definition['StartAt']}"]
    for name, state in definition["States"].items():
        left, right = SHAPES[state["Type"]]
        lines.append(f"  {name}{left}{_words(name, state)}{right}")
        lines += [f"  {name} {edge}" for edge in _edges(state)]
    return "\n".join([*lines, "```"])


def _words(name: str, state: dict[str, Any]) -> str:
    first = state.get("Comment", "").split(". ")[0].rstrip(".").replace('"', "'")
    first = first.replace("->", "to")
    return f'"<b>{name}</b><br/>{first}"'


def _edges(state: dict[str, Any]) -> Iterator[str]:
    if "Next" in state:
        yield f"--> {state['Next']}"
    for choice in state.get("Choices", []):
        yield f"-.-> {choice['Next']}"
    if "Default" in state:
        yield f"--> {state['Default']}"
    for catch in state.get("Catch", []):
        yield f"-. any error .-> {catch['Next']}"


def renew(text: str, drawing: str) -> str:
    """Return the Markdown with the drawing between the markers.

    Raises:
        ValueError: the markers are missing.
    """
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no place for the diagram: {BEGIN} ... {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{drawing}\n{END}", text)


def main() -> int:
    """Write the drawings, or with --check only compare them; return the exit status."""
    drawing = mermaid(json.loads(DEFINITION.read_text()))
    stale = [path for path in SHOWN_IN if renew(path.read_text(), drawing) != path.read_text()]
    if "--check" in sys.argv[1:]:
        return len(stale)
    for path in stale:
        path.write_text(renew(path.read_text(), drawing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
