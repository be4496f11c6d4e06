"""Writes measured figures into pages: every marked block is filled from a report.

    .venv/tools/bin/python -m bench.tables docs/performance.md

A block begins with ``<!-- reports/NAME.json -->`` and ends with ``<!-- end -->``. A block whose
report does not exist stays as it is, and a message names it.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- (reports/[a-z-]+\.json) -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = "| figure | measured | target | |\n|---|---|---|---|\n"


def main() -> int:
    """Fill the pages that the command line names; return 1 when a report was missing."""
    missing = []
    for page in map(Path, sys.argv[1:]):
        text = page.read_text()
        missing += [name for _, name, _ in BLOCK.findall(text) if not (ROOT / name).exists()]
        page.write_text(BLOCK.sub(lambda block: fill(block, ROOT), text))
    for name in missing:
        print(f"{name} does not exist, so its block stays as it is", file=sys.stderr)
    return 1 if missing else 0


def fill(block: re.Match[str], root: Path) -> str:
    """Return a block filled from its report."""
    begin, name, end = block.groups()
    report = root / name
    if not report.exists():
        return block.group()
    return begin + table(json.loads(report.read_bytes())) + end


def table(lines: list[dict[str, Any]]) -> str:
    """Return the figures of a report as a table."""
    return HEAD + "".join(row(line) for line in lines)


def row(line: dict[str, Any]) -> str:
    """Return one figure as a line; a figure that was not run says why."""
    if line["value"] is None:
        return f"| {line['name']} | not run: {line['unit']} | | |\n"
    measured = f"{line['value']:.3g} {line['unit']}".rstrip()
    target = "" if line["target"] is None else f"{line['target']:g}"
    verdict = {None: "", True: "met", False: "**missed**"}[line["met"]]
    return f"| {line['name']} | {measured} | {target} | {verdict} |\n"


if __name__ == "__main__":
    sys.exit(main())
