"""The newcomer's comparison: shares of medians, and a demo without a verdict counts for nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.newcomer.__main__ import figures
from bench.newcomer.runs import (
    DRIFT,
    LIKENESS,
    PROMPTS,
    Run,
    RunError,
    load,
    newcomer_environment,
    read_figure,
    save,
    timed,
)

BEFORE = Run(
    commit="before",
    envs_seconds=300,
    demo_seconds=300,
    again_seconds=5,
    disk_mib=4500,
    cache_mib=100,
    likeness=0.89,
    prompts=0.95,
    drift=0.06,
)


def met(after: Run, name: str) -> bool | None:
    (found,) = [figure for figure in figures([BEFORE], [after]) if figure.name == name]
    return found.met


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"demo_seconds": 61.0}, "share of the wall time"),
        ({"disk_mib": 2701.0}, "share of the disk"),
        ({"again_seconds": 11.0}, "make envs, the second"),
        ({"likeness": 0.8}, "likeness lost"),
        ({"prompts": 0.8}, "prompts followed, lost"),
        ({"drift": 0.2}, "class drift gained"),
    ],
)
def test_a_target_is_missed_by_what_is_beyond_it_alone(change: dict[str, Any], missed: str) -> None:
    good = replace(BEFORE, demo_seconds=60, disk_mib=2700, again_seconds=1)
    assert met(good, missed)
    assert met(replace(good, **change), missed) is False


def test_the_gates_figures_are_read_as_the_demo_prints_them() -> None:
    text = (
        "  likeness          -0.04 before, 0.90 after (photos of one another: 0.94)\n"
        "  prompts followed  95% of what they name\n  class drift       6% of other people lost\n"
    )
    assert [read_figure(p, text) for p in (LIKENESS, PROMPTS, DRIFT)] == [0.90, 95.0, 6.0]
    with pytest.raises(RunError, match="likeness"):
        read_figure(LIKENESS, "The demo stopped: no notice")


def test_both_commits_begin_with_empty_caches_and_without_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKEFLAGS", "-j2")
    monkeypatch.setenv("PATH", "/home/me/likeness/.venv/tools/bin:/usr/bin")
    given = newcomer_environment(tmp_path)
    assert given["PATH"] == "/usr/bin"
    assert "MAKEFLAGS" not in given
    assert given["PIP_CACHE_DIR"].startswith(str(tmp_path))
    assert given["UV_CACHE_DIR"].startswith(str(tmp_path))


def test_a_failed_command_ends_the_comparison_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no picture today"):
        timed(["sh", "-c", "echo no picture today; exit 3"], tmp_path, {}, tmp_path / "log")


def test_runs_that_are_done_are_kept(tmp_path: Path) -> None:
    save([BEFORE], tmp_path / "runs.json")
    assert load(tmp_path / "runs.json") == [BEFORE]
    assert load(tmp_path / "none.json") == []
