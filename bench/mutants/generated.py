"""Mutants that mutmut generates: a scratch copy for each room, in which their verdicts are kept.

mutmut strips only ``src/`` from a module's name, so the copy has the room's tree under that name. A
function that changed is tested again. A mutant that survived is tested again when any file changed,
since a test may notice it now. A killed one keeps its verdict; ``--fresh`` forgets them all.
"""

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.mutants.rooms import ROOT, Room
from bench.mutants.scratch import copy_files, fingerprint, remove_others, tree_files
from bench.mutants.survivors import Change, change_of
from bench.report import REPORTS

MUTMUT = ROOT / ".venv" / "mutants"
SCRATCH = REPORTS / ".mutants"
INSIDE = Path(__file__).with_name("inside.py")

KILLED = {"killed", "timeout", "segfault", "suspicious"}
"""A mutant that never ends, or that takes the interpreter along, is noticed too."""
SURVIVED = {"survived", "no tests"}
KILLED_CODES = {1, 3}
"""pytest's exit codes for a failed test; what was slow rather than wrong is asked again too."""

INTERRUPT_SECONDS = 60
FOREVER = float("inf")
"""As a deadline: none."""

CONFIG = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {only}
also_copy = {also}
pytest_add_cli_args = ["-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false
on_dependency_change = "ignore"
"""


class MutationRunError(Exception):
    """mutmut could not do its work; its log says why."""


@dataclass(frozen=True)
class Verdicts:
    """What became of one room's mutants."""

    room: Room
    killed: int
    survivors: tuple[Change, ...]
    not_run: int

    @property
    def total(self) -> int:
        """All mutants of the room, or of its sample."""
        return self.killed + len(self.survivors) + self.not_run


def run_room(room: Room, deadline: float, sample: int | None = None) -> Verdicts:
    """Test the mutants without a verdict, until the deadline on the monotonic clock.

    Args:
        room: which mutants.
        deadline: in seconds of ``time.monotonic``.
        sample: how many of them, drawn in the same way each time; None: all.
    """
    folder = SCRATCH / room.name.replace("/", ".")
    prepare(room, folder)
    if time.monotonic() < deadline:
        run_mutmut(room, folder, deadline, sample)
    return verdicts_of(room, inside(room, folder, "verdicts", sample))


def forget(room: Room) -> None:
    """Remove the room's copy, and the verdicts with it."""
    shutil.rmtree(SCRATCH / room.name.replace("/", "."), ignore_errors=True)


def prepare(room: Room, folder: Path) -> None:
    """Make the room's copy like the tree of now."""
    files = tree_files()
    mutable = [name for name in files if Path(name).is_relative_to(room.tree)]
    names = {name: name for name in files}
    names |= {f"src/{Path(name).relative_to(room.tree)}": name for name in mutable}
    mark, now = folder / "fingerprint", fingerprint(files)
    if mark.is_file() and mark.read_text() == now:
        return
    copy_files(folder, names)
    write_config(room, folder, sorted({name.partition("/")[0] for name in names} - {"src"}))
    for part in (folder, folder / "mutants"):
        remove_others(part, [*names, *(f"mutants/{name}" for name in names)])
    forget_data(folder, names)
    forget_survivors(folder)
    mark.write_text(now)


def write_config(room: Room, folder: Path, also: list[str]) -> None:
    """Add mutmut's settings to the copy's pyproject.toml; the tests import from ``src``."""
    text = (ROOT / "pyproject.toml").read_text()
    text, changed = re.subn(
        r'^(pythonpath = \[.*)"' + room.tree + '"', r'\1"src"', text, flags=re.MULTILINE
    )
    if not changed:
        raise MutationRunError(f"pyproject.toml: pytest's pythonpath does not name {room.tree}")
    only = [f"src/{pattern}" for pattern in room.files]
    settings = CONFIG.format(
        only=json.dumps(only), also=json.dumps(also), tests=json.dumps(room.tests)
    )
    (folder / "pyproject.toml").write_text(text + settings)


def forget_data(folder: Path, names: Iterable[str]) -> None:
    """Remove mutmut's copies of files that changed and are no code: it copies what is missing."""
    for name in names:
        copy = folder / "mutants" / name
        is_data = copy.suffix != ".py" and copy.is_file()
        if is_data and copy.read_bytes() != (folder / name).read_bytes():
            copy.unlink()


def forget_survivors(folder: Path) -> None:
    """Have the survivors tested again, and ask again which tests reach which function."""
    (folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for file in (folder / "mutants").rglob("*.py.meta"):
        meta = json.loads(file.read_text())
        codes = meta["exit_code_by_key"]
        killed = {name: code if code in KILLED_CODES else None for name, code in codes.items()}
        file.write_text(json.dumps(meta | {"exit_code_by_key": killed}))


def run_mutmut(room: Room, folder: Path, deadline: float, sample: int | None) -> None:
    """Run mutmut in the copy, and interrupt it at the deadline: it keeps what it has found.

    Raises:
        MutationRunError: it ended for another reason.
    """
    log = folder / "mutmut.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command_of(room, "run", sample), cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            process.wait(None if deadline == FOREVER else max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            interrupt(process)
            return
        except BaseException:
            interrupt(process)
            raise
    if process.returncode:
        raise MutationRunError(f"{room.name}: mutmut ended with {process.returncode}; see {log}")


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Have mutmut end its workers and itself; kill it when it does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(INTERRUPT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def inside(room: Room, folder: Path, what: str, sample: int | None) -> Any:  # noqa: ANN401
    """Return what ``inside.py`` prints."""
    done = subprocess.run(
        command_of(room, what, sample), cwd=folder, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def command_of(room: Room, what: str, sample: int | None) -> list[str]:
    """Return the command line that runs ``inside.py`` in the room's environment."""
    size = [] if sample is None else [str(sample)]
    return [str(room.python), "-B", str(INSIDE), str(MUTMUT), what, *size]


def verdicts_of(room: Room, found: list[dict[str, str]]) -> Verdicts:
    """Count the statuses, and name the survivors by the tree's own files."""
    statuses = [mutant["status"] for mutant in found]
    survivors = [
        change_of(
            f"{room.tree}/{mutant['file'].removeprefix('src/')}", mutant["name"], mutant["diff"]
        )
        for mutant in found
        if mutant["status"] in SURVIVED
    ]
    killed = sum(status in KILLED for status in statuses)
    return Verdicts(room, killed, tuple(survivors), not_run=len(found) - killed - len(survivors))
