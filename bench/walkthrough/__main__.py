"""`python -m bench.walkthrough`: every command of README.md and the how-to pages, as they stand.

Prints a line for each block, then the table; writes reports/walkthrough.json; 1 on a miss. LONG=1
also runs the blocks that need many minutes. The laptop's AWS listens on a free port and is
stopped at the end.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.report import Figure, finish
from bench.walkthrough.blocks import COMMANDS, NEEDS, Block, PageError, blocks_of
from bench.walkthrough.promises import is_kept
from bench.walkthrough.shell import Outcome, Shell, ShellEndedError
from contracts.shared.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/intake.md", "docs/status.md", "docs/training.md", "docs/serving.md")
MORE = (
    *("docs/sweep.md", "docs/bases.md", "docs/clients.md", "docs/api.md"),
    *("docs/marks.md", "docs/audit.md", "docs/takedown.md"),
)
LAST = (
    "docs/erasure.md",
    "docs/runbooks/erasure_failed.md",
    "docs/runbooks/erasure_timed_out.md",
)
"""They forget the upload that the other pages speak of."""
LEFT = ("photos", "out", ".local/client", ".local/demo")
"""What the pages' commands make; removed before, so that the laptop is fresh."""
LIKE_PYTHON = '"$(dirname "$(command -v likeness)")/python" '


TRACEBACK = re.compile(
    r"^Traceback \(most recent call last\):\n  File [^\n]*/bin/likeness", re.MULTILINE
)
"""The client's own; a log that is shown may hold another program's."""

SHOWN_CHARACTERS = 4000


@dataclass(frozen=True)
class Result:
    """What became of one block."""

    block: Block
    outcome: Outcome | None
    """None: not run."""
    fault: str | None
    """What was not as the page says."""


def main() -> int:
    """Walk through the pages; return 1 when a page says what is not so."""
    options = read_options()
    began = time.monotonic()
    try:
        blocks = [block for page in pages(options.pages) for block in blocks_of(page, ROOT)]
    except PageError as error:
        print(error, file=sys.stderr)
        return 1
    before = git_status()
    results = list(walk(blocks, run_long=options.long))
    litter = sorted(git_status() - before)
    for line in litter:
        print(f"left behind: {line}")
    ran = sum(result.outcome is not None for result in results)
    figures = [
        *(figure_of(result) for result in results),
        Figure("blocks run", ran),
        Figure("blocks not run", len(results) - ran),
        Figure("files left behind that git does not ignore", len(litter), "", 0, "less"),
        Figure("wall time", time.monotonic() - began, "s"),
    ]
    return finish("walkthrough", figures)


def read_options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="make walkthrough", description=__doc__)
    parser.add_argument("pages", nargs="*", help="only these, after README.md")
    parser.add_argument("--long", action="store_true", help="also blocks with needs=time")
    return parser.parse_args()


def pages(named: list[str]) -> list[Path]:
    """Return the pages in a reader's order: later ones use what README.md has made."""
    if named:
        return [ROOT / page for page in dict.fromkeys(["README.md", *named])]
    last = [ROOT / page for page in LAST]
    runbooks = sorted((ROOT / "docs" / "runbooks").glob("*.md"), key=lambda page: page.name)
    first = [*(ROOT / page for page in (*PAGES, *MORE)), *runbooks]
    return [*(page for page in first if page not in last), *last]


def walk(blocks: list[Block], *, run_long: bool) -> Iterator[Result]:
    """Carry out every block; say how it went."""
    with fresh_laptop() as shell, tempfile.TemporaryDirectory() as scripts:
        for number, block in enumerate(blocks):
            if block.language in COMMANDS:
                waits = block.needs is not None and not (run_long and block.needs == "time")
                script = Path(scripts, f"{number}.{block.language}")
                result = Result(block, None, None) if waits else run(block, shell, script)
                show(result)
                yield result
            elif "file" in block.settings:
                save(block)


def run(block: Block, shell: Shell, script: Path) -> Result:
    """Run a block, and compare what the page promises."""
    script.write_text(block.text)
    if block.language == "python":
        program, script = script, script.with_suffix(".sh")
        script.write_text(f"{LIKE_PYTHON}{program}\n")
    try:
        outcome = shell.run(script, block.limit_seconds)
    except ShellEndedError:
        return Result(block, Outcome("", None, 0), "it ended the shell")
    return Result(block, outcome, fault_of(block, outcome))


def fault_of(block: Block, outcome: Outcome) -> str | None:
    """Return what is not as the page says; None when all is."""
    if outcome.status is None:
        return f"not done after {block.limit_seconds:.0f} s"
    if outcome.status != block.exit_status:
        return f"exit status {outcome.status}, and the page says {block.exit_status}"
    if block.promised is not None and not is_kept(block.promised, outcome.printed):
        return "prints something else than the page says"
    return "the client ends in a traceback" if TRACEBACK.search(outcome.printed) else None


def save(block: Block) -> None:
    """Do what the page tells a reader to do with a file's text."""
    path = ROOT / block.settings["file"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)


def show(result: Result) -> None:
    """Say how a block went; of one that went wrong, the end of what it printed."""
    if result.outcome is None:
        print(f"not run  {result.block.name} (needs: {NEEDS[str(result.block.needs)]})", flush=True)
        return
    verdict = "MISSED " if result.fault else "ok     "
    print(f"{verdict}{result.outcome.seconds:7.1f} s  {result.block.name}", flush=True)
    if result.fault:
        print(f"  {result.fault}\n--- the page says\n{result.block.text.rstrip()}")
        print(f"--- promised\n{(result.block.promised or '').rstrip()}")
        print(
            f"--- printed\n{result.outcome.printed.rstrip()[-SHOWN_CHARACTERS:]}\n---", flush=True
        )


def figure_of(result: Result) -> Figure:
    """Return the report's line of a block."""
    if result.outcome is None:
        return Figure(result.block.name, None, f"needs: {NEEDS[str(result.block.needs)]}")
    return Figure(result.block.name, float(result.fault is not None), "faults", 0, "less")


@contextmanager
def fresh_laptop() -> Iterator[Shell]:
    """Yield a shell whose `make up` finds a free port; stop whatever it has started at the end."""
    for name in LEFT:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    port = str(free_port())
    shell = Shell(ROOT, {"PORT": port, "PATH": path_of_a_reader()})
    try:
        yield shell
    finally:
        shell.close()
        subprocess.run(["make", "down", f"PORT={port}"], cwd=ROOT, check=False)


def path_of_a_reader() -> str:
    """Return PATH without our environments: make has put them first."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(one for one in folders if ".venv" not in Path(one).parts)


def git_status() -> set[str]:
    """Return what git sees of the working tree."""
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    return set(subprocess.check_output(command, cwd=ROOT, text=True).splitlines())


if __name__ == "__main__":
    sys.exit(main())
