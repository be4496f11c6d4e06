"""The tests, tested: mistakes are made on purpose, and counted when no test notices.

    .venv/tools/bin/python -m bench.mutants [--room ROOM] [--minutes N] [--changed-since REV]
        [--named | --generated] [--sample N] [--fresh]

Two kinds. The named ones (``named.toml``) would cost money, faces or data; every one must be
noticed. The generated ones are mutmut's, of every function in the rooms of ``rooms.py``; nine of
ten must be noticed, not counting those that ``survivors.toml`` explains. Both are tried in scratch
copies under ``reports/``, by fast tests only. A run that was cut off goes on where it stopped.

``--room`` takes a room or the beginning of its name, such as ``domain`` or ``domain/pricing``.
``--changed-since`` takes the rooms in which a file differs from a commit, and the named mutants
whose file does. ``--sample N`` takes N generated mutants of each room, always the same ones:
all rooms in an hour, with a share that stands for them. The survivors are left in
``reports/mutants-survivors.toml``.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.mutants.generated import FOREVER, Verdicts, forget, run_room
from bench.mutants.named import NamedMutant, Outcome, read_table, run_named
from bench.mutants.rooms import ROOT, Room, chosen_rooms
from bench.mutants.survivors import Change, as_toml, find_stale, read_reasons
from bench.report import REPORTS, Figure, finish

TARGET = "mutants"
SURVIVORS = REPORTS / f"{TARGET}-survivors.toml"
MIN_NAMED = 60
MIN_KILLED = 90.0
"""Percent of the generated mutants that are not explained."""


@dataclass(frozen=True)
class Tally:
    """What is counted of several rooms."""

    killed: int
    open: int
    """Survivors that nobody has explained."""
    explained: int
    not_run: int

    @property
    def percent(self) -> float | None:
        """The share that was killed of those that ran and are not explained."""
        counted = self.killed + self.open
        return 100 * self.killed / counted if counted else None


def main() -> int:
    """Make the mistakes; return 1 when too many of them were not noticed."""
    options = read_options()
    try:
        rooms = chosen_rooms(options.room)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    changed = None if options.changed_since is None else changed_files(options.changed_since)
    figures: list[Figure] = []
    if not options.generated:
        figures += named_figures(chosen_named(read_table(), rooms, changed, options), options)
    if not options.named:
        figures += generated_figures(rooms_with(changed, rooms), options)
    return finish(TARGET, figures)


def read_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="bench.mutants", description="Tests the tests.")
    parser.add_argument("--room", help="a room of rooms.py, or the beginning of its name")
    parser.add_argument("--minutes", type=float, help="stop then; the next run goes on")
    parser.add_argument("--changed-since", metavar="REV", help="only what differs from a commit")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--named", action="store_true", help="only the named mutants")
    kind.add_argument("--generated", action="store_true", help="only the generated ones")
    parser.add_argument(
        "--sample", type=positive, metavar="N", help="N generated mutants of each room"
    )
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    return parser.parse_args()


def positive(text: str) -> int:
    """Return a whole number above 0.

    Raises:
        ValueError: it is none.
    """
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def changed_files(revision: str) -> set[str]:
    """Return the files that differ from a commit, new ones too."""
    differ = ["git", "diff", "--name-only", revision, "--"]
    new = ["git", "ls-files", "--others", "--exclude-standard"]
    return {
        line
        for command in (differ, new)
        for line in subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.splitlines()
    }


def rooms_with(changed: set[str] | None, rooms: Sequence[Room]) -> list[Room]:
    """Return the rooms in which a file has changed; all, where nobody asked."""
    if changed is None:
        return list(rooms)
    return [room for room in rooms if any(room.holds(file) for file in changed)]


def chosen_named(
    mutants: Sequence[NamedMutant],
    rooms: Sequence[Room],
    changed: set[str] | None,
    options: argparse.Namespace,
) -> list[NamedMutant]:
    """Return the named mutants that were asked for."""
    in_rooms = options.room is not None
    return [
        mutant
        for mutant in mutants
        if (not in_rooms or any(room.holds(mutant.file) for room in rooms))
        and (changed is None or mutant.file in changed)
    ]


# --- named ----------------------------------------------------------------------------------


def named_figures(mutants: Sequence[NamedMutant], options: argparse.Namespace) -> list[Figure]:
    """Try the named mutants, tell those that were not noticed, and count."""
    outcomes: list[Outcome] = []
    for mutant, outcome in run_named(mutants, fresh=options.fresh):
        outcomes.append(outcome)
        if outcome != "killed":
            print(f"named: {outcome}: {mutant.name} ({mutant.file})", flush=True)
    whole = options.room is None and options.changed_since is None
    return [
        Figure("named mutants", len(mutants), "", MIN_NAMED if whole else None),
        Figure("named mutants noticed", outcomes.count("killed"), "", len(mutants)),
    ]


# --- generated ------------------------------------------------------------------------------


def generated_figures(rooms: Sequence[Room], options: argparse.Namespace) -> list[Figure]:
    """Run the rooms until the time is over; return a figure for each, and their sum."""
    end = FOREVER if options.minutes is None else time.monotonic() + 60 * options.minutes
    reasons = read_reasons()
    figures, tallies, survivors = [], [], []
    for room in rooms:
        if options.fresh:
            forget(room)
        verdicts = run_room(room, end, options.sample)
        tally = tally_of(verdicts, reasons)
        print(f"{room.name}: {message(tally)}", flush=True)
        figures.append(Figure(f"noticed in {room.name}", tally.percent, unit_of(tally)))
        tallies.append(tally)
        survivors += [change for change in verdicts.survivors if change not in reasons]
    REPORTS.mkdir(exist_ok=True)
    SURVIVORS.write_text(as_toml(survivors))
    return [*figures, *sums(tallies), stale_figure(reasons)]


def stale_figure(reasons: Iterable[Change]) -> Figure:
    """Tell the explanations that fit no line any more, and count them."""
    stale = find_stale(reasons)
    for change in stale:
        print(f"survivors.toml: stale: {change.file}: {change.function}: {change.old}", flush=True)
    return Figure("explanations that are stale", len(stale), "", 0, "less")


def tally_of(verdicts: Verdicts, reasons: dict[Change, str]) -> Tally:
    """Count one room."""
    explained = sum(change in reasons for change in verdicts.survivors)
    return Tally(verdicts.killed, len(verdicts.survivors) - explained, explained, verdicts.not_run)


def sums(tallies: Iterable[Tally]) -> list[Figure]:
    """Return what all rooms together come to."""
    found = list(tallies)
    whole = Tally(
        killed=sum(tally.killed for tally in found),
        open=sum(tally.open for tally in found),
        explained=sum(tally.explained for tally in found),
        not_run=sum(tally.not_run for tally in found),
    )
    return [
        Figure("generated mutants", whole.killed + whole.open + whole.explained + whole.not_run),
        Figure("generated mutants not run yet", whole.not_run, "", 0, "less"),
        Figure("survivors that are explained", whole.explained),
        Figure("survivors that are not", whole.open),
        Figure("generated mutants noticed", whole.percent, "%", MIN_KILLED),
    ]


def message(tally: Tally) -> str:
    """Return a room's counts as a line."""
    return (
        f"{tally.killed} noticed, {tally.open} not, {tally.explained} explained, "
        f"{tally.not_run} not run"
    )


def unit_of(tally: Tally) -> str:
    """Return the unit of a room's share; why there is none, where there is none."""
    return "%" if tally.percent is not None else "no mutant was run"


if __name__ == "__main__":
    sys.exit(main())
