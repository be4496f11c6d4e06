"""Draw the workflows from their definitions, as Mermaid, into the Markdown files that show it.

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
MACHINES = ROOT / "statemachine"
SHOWN_IN = {
    ROOT / "README.md": "train_adapter",
    ROOT / "docs" / "one_request.md": "train_adapter",
    ROOT / "docs" / "sweep.md": "sweep_adapter",
    ROOT / "docs" / "erasure.md": "erase_subject",
}
STARTED_BY = {
    "train_adapter": "S3 put",
    "sweep_adapter": "SweepAdapter",
    "erase_subject": "request_erasure",
}
BEGIN, END = "<!-- diagram: docs/diagram.py -->", "<!-- /diagram -->"
SHAPES = {
    "Task": ("[", "]"),
    "Pass": ("[", "]"),
    "Choice": ("{", "}"),
    "Wait": ("(", ")"),
    "Succeed": ("([", "])"),
    "Fail": ("[[", "]]"),
}


def mermaid(definition: dict[str, Any], started_by: str) -> str:
    """Return the states and the ways between them; the shared catch is drawn once."""
    start = f"  start(({started_by})) --> {definition['StartAt']}"
    return "\n".join(["```mermaid", "flowchart TD", start, *_states(definition), "```"])


def _states(definition: dict[str, Any]) -> Iterator[str]:
    for name, state in definition["States"].items():
        if state["Type"] == "Map":
            yield f"  subgraph {name}[{_words(name, state)}]"
            yield from (f"  {line}" for line in _states(state["ItemProcessor"]))
            yield "  end"
        else:
            left, right = SHAPES[state["Type"]]
            yield f"  {name}{left}{_words(name, state)}{right}"
        yield from (f"  {name} {edge}" for edge in _edges(state))


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
    wanted = {path: renew(path.read_text(), drawing_of(name)) for path, name in SHOWN_IN.items()}
    stale = {path: text for path, text in wanted.items() if text != path.read_text()}
    if "--check" in sys.argv[1:]:
        return len(stale)
    for path, text in stale.items():
        path.write_text(text)
    return 0


def drawing_of(machine: str) -> str:
    """Return the drawing of one machine."""
    definition = json.loads((MACHINES / f"{machine}.asl.json").read_text())
    return mermaid(definition, STARTED_BY[machine])


if __name__ == "__main__":
    sys.exit(main())
