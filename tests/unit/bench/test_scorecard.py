"""The scorecard: points are given for targets that were met, and for nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.report import Figure
from bench.scorecard.__main__ import Row, StaleRowError, figure, page, read_rows, score, total_of
from tests.contract.files import ROOT

ROW = Row("faults", 10, "faults", ("sweep: .*",))


def report(folder: Path, *lines: tuple[str, float | None, float | None]) -> Path:
    """Write a report of figures: name, value, the most that it may be."""
    found = [Figure(name, value, "", most, "less") for name, value, most in lines]
    body = [
        {"name": f.name, "value": f.value, "unit": "", "target": f.target, "met": f.met}
        for f in found
    ]
    (folder / "faults.json").write_text(json.dumps(body))
    return folder


def test_the_rows_are_a_hundred_points_of_real_targets() -> None:
    rows = read_rows()
    recipes = (ROOT / "Makefile").read_text()
    missing = [row.target for row in rows if f"\n{row.target}:" not in recipes]
    assert missing == []
    assert len({row.name for row in rows}) == len(rows)


def test_points_that_are_no_hundred_are_refused(tmp_path: Path) -> None:
    rows = tmp_path / "rows.toml"
    rows.write_text('[[row]]\nname = "a"\npoints = 9\ntarget = "faults"\nfigures = []\n')
    with pytest.raises(ValueError, match="add up to 9, not 100"):
        read_rows(rows)


def test_a_row_gets_the_share_that_was_met(tmp_path: Path) -> None:
    lines = [("sweep: a", 0, 0), ("sweep: b", 3, 0), ("sweep: c", None, 0), ("sweep: d", 1, None)]
    found = score(ROW, report(tmp_path, *lines))
    assert (found.met, found.asked) == (1, 3), "what was not run is not met; d has no target"
    assert found.points == pytest.approx(10 / 3)


def test_a_report_that_does_not_exist_gives_nothing(tmp_path: Path) -> None:
    found = score(ROW, tmp_path)
    assert found.points == 0
    assert figure(found).value is None
    assert figure(found).unit == "run `make faults`"
    assert total_of([found]).met is False
    assert "| not run |" in page([found], datetime(2026, 11, 29, tzinfo=UTC))


def test_a_row_that_asks_for_no_figure_of_the_report_is_told(tmp_path: Path) -> None:
    with pytest.raises(StaleRowError, match="no figure with a target whose name fits"):
        score(ROW, report(tmp_path, ("monkey", 0, 0)))
