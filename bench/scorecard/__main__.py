"""Add up what the reports of the long programmes say, as points of 100.

Usage: PYTHONPATH=functions:. python -m bench.scorecard [--rows FILE] [--reports FOLDER]
A row gets the share of its points that its figures with a target have met; a figure or a report
that does not exist gets none. Run the programmes first: the table names the make target of each.
Writes reports/scorecard.json and reports/scorecard.md, with date and host, and exits 1 below 100.
"""

import argparse
import json
import os
import platform
import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.report import REPORTS, Figure, finish

ROWS = Path(__file__).with_name("rows.toml")
ALL = 100


class StaleRowError(Exception):
    """A row asks for figures that its report does not have; the text says which."""


@dataclass(frozen=True)
class Row:
    """One line of the scorecard."""

    name: str
    points: int
    target: str
    """The make target that writes the report."""
    figures: tuple[str, ...]
    """Regular expressions, each of which fits whole names of figures."""


@dataclass(frozen=True)
class Score:
    """What a report says of a row."""

    row: Row
    met: int
    asked: int
    """Figures with a target; 0: there is no report."""
    measured_on: str = ""

    @property
    def points(self) -> float:
        """The row's points times the share of figures that are met."""
        return self.row.points * self.met / self.asked if self.asked else 0.0


def read_rows(file: Path = ROWS) -> list[Row]:
    """Return the rows.

    Raises:
        ValueError: their points are not 100 together.
    """
    table = tomllib.loads(file.read_text())["row"]
    rows = [Row(**{**entry, "figures": tuple(entry["figures"])}) for entry in table]
    points = sum(row.points for row in rows)
    if points != ALL:
        message = f"{file.name}: the points add up to {points}, not {ALL}"
        raise ValueError(message)
    return rows


def score(row: Row, reports: Path) -> Score:
    """Return what a row's report says.

    Raises:
        StaleRowError: the report has no figure of such a name, so the row asks for nothing.
    """
    file = reports / f"{row.target}.json"
    if not file.exists():
        return Score(row, 0, 0)
    report = json.loads(file.read_bytes())
    found = [line for pattern in row.figures for line in fitting(pattern, report, row)]
    day = datetime.fromtimestamp(file.stat().st_mtime, UTC).date().isoformat()
    return Score(row, sum(line["met"] is True for line in found), len(found), day)


def fitting(pattern: str, report: list[dict[str, Any]], row: Row) -> list[dict[str, Any]]:
    """Return the figures of a report that a pattern asks for: those that have a target."""
    named = [line for line in report if re.fullmatch(pattern, line["name"])]
    asked = [line for line in named if line["target"] is not None]
    if not asked:
        message = (
            f"rows.toml: {row.name!r}: reports/{row.target}.json has no figure with a target whose"
            f" name fits {pattern!r}. It is of a part of the programme only, or the row is old."
        )
        raise StaleRowError(message)
    return asked


def page(scores: list[Score], now: datetime) -> str:
    """Return the scorecard as Markdown."""
    host = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    total = sum(one.points for one in scores)
    head = f"# Scorecard: {total:.1f} of {ALL}\n\n{now:%Y-%m-%d}, {host}\n\n"
    table = "| points | of | figures met | measured on | what | command |\n|--|--|--|--|--|--|\n"
    return head + table + "".join(line(one) for one in scores)


def line(one: Score) -> str:
    """Return a row of the page."""
    met = f"{one.met} of {one.asked}" if one.asked else "not run"
    row = one.row
    command = f"`make {row.target}`"
    cells = (f"{one.points:.1f}", row.points, met, one.measured_on, row.name, command)
    return f"| {' | '.join(map(str, cells))} |\n"


def main() -> int:
    """Write the scorecard; return 1 below 100 points."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--reports", type=Path, default=REPORTS)
    given = parser.parse_args()
    scores = [score(row, given.reports) for row in read_rows(given.rows)]
    text = page(scores, datetime.now(UTC))
    status = finish("scorecard", [figure(one) for one in scores] + [total_of(scores)])
    (REPORTS / "scorecard.md").write_text(text)
    print(f"\n{text}")
    return status


def figure(one: Score) -> Figure:
    """Return a row as a figure of the report."""
    value = one.points if one.asked else None
    unit = f"of {one.row.points}" if one.asked else f"run `make {one.row.target}`"
    return Figure(one.row.name, value, unit, one.row.points)


def total_of(scores: list[Score]) -> Figure:
    """Return the sum of all points."""
    return Figure("all", sum(one.points for one in scores), f"of {ALL}", ALL)


if __name__ == "__main__":
    sys.exit(main())
