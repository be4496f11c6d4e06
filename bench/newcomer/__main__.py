"""What a newcomer waits for, beside an earlier commit on the same host in the same hour.

Usage: python -m bench.newcomer [--before cabb990] [--after HEAD] [--rounds 1] [--fresh]

Both commits are cloned into temporary folders and run in turn, before and after, each time with
empty installer caches: `make envs`, `make envs` again, `make demo`. Prints a table, writes
reports/bench-newcomer.json, and exits with 1 when a target is missed. Runs that are done are kept
in .local/newcomer.json, so a series that was cut off goes on; --fresh forgets them.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.newcomer.runs import ROOT, Run, RunError, load, measure, save
from bench.report import Figure, finish

KEPT = ROOT / ".local" / "newcomer.json"
PORT = 4596
MAX_SHARE = 0.6
"""The largest allowed share of the earlier commit's wall time and disk."""

MAX_AGAIN_SECONDS = 10.0
MAX_LIKENESS_LOSS, MAX_PROMPTS_LOSS, MAX_DRIFT_GAIN = 0.05, 0.1, 0.1
"""How far one person's picture may be from the earlier one's: runs differ by this (64 pixels, 16
pictures, of which each is 6 % of the drift)."""


def main() -> int:
    """Measure both commits; return 1 when a target was missed or a run failed."""
    options = _options()
    if options.fresh:
        KEPT.unlink(missing_ok=True)
    commits = [_commit(options.before), _commit(options.after)]
    try:
        runs = series(commits, options.rounds)
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    before, after = ([run for run in runs if run.commit == commit] for commit in commits)
    return finish("bench-newcomer", figures(before, after))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.newcomer", description=__doc__)
    parser.add_argument("--before", default="cabb990")
    parser.add_argument("--after", default="HEAD")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each commit")
    parser.add_argument("--fresh", action="store_true", help="forget the runs that are kept")
    return parser.parse_args()


def series(commits: list[str], rounds: int) -> list[Run]:
    """Return the runs of both commits, in turn; each is kept as soon as it is done."""
    runs = [run for run in load(KEPT) if run.commit in commits]
    for number in range(rounds):
        for commit in commits:
            if sum(run.commit == commit for run in runs) > number:
                continue
            print(f"round {number + 1} of {rounds}: {commit[:7]}", flush=True)
            with tempfile.TemporaryDirectory(prefix="newcomer-") as folder:
                runs.append(measure(commit, Path(folder), PORT))
            save(runs, KEPT)
    return runs


def figures(before: list[Run], after: list[Run]) -> list[Figure]:
    """Return what is reported, of the medians."""

    def median(runs: list[Run], value: Callable[[Run], float]) -> float:
        return statistics.median(value(run) for run in runs)

    def share(value: Callable[[Run], float]) -> float:
        return median(after, value) / median(before, value)

    found = []
    parts: list[tuple[str, str, Callable[[Run], float]]] = [
        ("make envs", "s", lambda run: run.envs_seconds),
        ("make demo, the first", "s", lambda run: run.demo_seconds),
        ("environments and first demo", "s", lambda run: run.seconds),
        ("disk", "MiB", lambda run: run.disk_mib),
        ("disk of the installers' caches", "MiB", lambda run: run.cache_mib),
    ]
    for name, unit, value in parts:
        found += [
            Figure(f"{name}: before", median(before, value), unit),
            Figure(f"{name}: now", median(after, value), unit),
        ]
    lost = median(before, lambda run: run.likeness) - median(after, lambda run: run.likeness)
    worse = median(before, lambda run: run.prompts) - median(after, lambda run: run.prompts)
    gained = median(after, lambda run: run.drift) - median(before, lambda run: run.drift)
    return [
        *found,
        Figure("share of the wall time", share(lambda run: run.seconds), "", MAX_SHARE, "less"),
        Figure("share of the disk", share(lambda run: run.disk_mib), "", MAX_SHARE, "less"),
        Figure(
            "make envs, the second",
            median(after, lambda run: run.again_seconds),
            "s",
            MAX_AGAIN_SECONDS,
            "less",
        ),
        Figure("likeness now", median(after, lambda run: run.likeness)),
        Figure("likeness lost", lost, "", MAX_LIKENESS_LOSS, "less"),
        Figure("prompts followed now", median(after, lambda run: run.prompts)),
        Figure("prompts followed, lost", worse, "", MAX_PROMPTS_LOSS, "less"),
        Figure("class drift now", median(after, lambda run: run.drift)),
        Figure("class drift gained", gained, "", MAX_DRIFT_GAIN, "less"),
    ]


def _commit(name: str) -> str:
    output = subprocess.run(
        ["git", "rev-parse", f"{name}^{{commit}}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return output.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
