"""The report of every benchmark: a table on the terminal and ``reports/<target>.json``.

A figure without a target is never missed, and neither is a figure that was not run.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

REPORTS = Path(__file__).resolve().parents[1] / "reports"


@dataclass(frozen=True)
class Figure:
    """One line of a report."""

    name: str
    value: float | None
    """The measured value; None when the figure was not run, and ``unit`` says why."""
    unit: str = ""
    target: float | None = None
    better: Literal["more", "less"] = "more"
    """Whether a figure should be above or below its target; the target itself is met."""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a measurement."""
        if self.target is None or self.value is None:
            return None
        return self.value >= self.target if self.better == "more" else self.value <= self.target


def finish(target: str, figures: list[Figure]) -> int:
    """Print the table and write the report; return 1 when a target was missed."""
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        print(f"{figure.name:<{width}}  {shown(figure)}")
    REPORTS.mkdir(exist_ok=True)
    lines = [
        {k: v for k, v in asdict(figure).items() if k != "better"} | {"met": figure.met}
        for figure in figures
    ]
    file = REPORTS / f"{target}.json"
    file.write_text(json.dumps(lines, indent=1) + "\n")
    missed = [figure.name for figure in figures if figure.met is False]
    print(f"{file.relative_to(REPORTS.parent)}: {len(missed)} targets missed", *missed, sep="\n  ")
    return 1 if missed else 0


def shown(figure: Figure) -> str:
    """Return value, unit, target and verdict as columns."""
    if figure.value is None:
        return f"{'not run':>12}  {figure.unit}"
    text = f"{figure.value:>12.4g} {figure.unit:<12}"
    if figure.target is None:
        return text.rstrip()
    sign = ">=" if figure.better == "more" else "<="
    return f"{text} {sign} {figure.target:<8g} {'met' if figure.met else 'MISSED'}"
