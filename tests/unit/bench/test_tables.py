"""Figures in the pages come from the reports."""

import re
from pathlib import Path

from bench.tables import BLOCK, fill, table

PAGE = "before\n<!-- reports/speed.json -->\nold\n<!-- end -->\nafter\n"


def test_a_block_becomes_its_reports_table(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "speed.json").write_text(
        '[{"name": "a step", "value": 1.43078, "unit": "times", "target": 1.25, "met": true}]'
    )
    made = BLOCK.sub(lambda block: fill(block, tmp_path), PAGE)
    assert "| a step | 1.43 times | 1.25 | met |\n<!-- end -->\nafter" in made
    assert "old" not in made


def test_a_block_without_its_report_stays(tmp_path: Path) -> None:
    assert BLOCK.sub(lambda block: fill(block, tmp_path), PAGE) == PAGE


def test_a_figure_that_was_not_run_has_its_reason_and_a_missed_one_is_marked() -> None:
    missed = {"name": "b", "value": 2.0, "unit": "s", "target": 1.0, "met": False}
    unrun = {"name": "c", "value": None, "unit": "no GPU here", "target": None, "met": None}
    text = table([missed, unrun])
    assert re.search(r"\| b \| 2 s \| 1 \| \*\*missed\*\* \|", text)
    assert "| c | not run: no GPU here | | |" in text
