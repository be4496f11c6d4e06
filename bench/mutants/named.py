"""Named mutants: one changed line each, of a rule that guards money, faces or data.

``named.toml`` says what is changed, why that would hurt, and which fast tests have to notice. A
mutant is written into a scratch copy, never into the tree.
"""

import json
import os
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from bench.mutants.rooms import ROOT, Environment
from bench.mutants.scratch import copy_files, fingerprint, remove_others, tree_files
from bench.report import REPORTS

TABLE = Path(__file__).with_name("named.toml")
SCRATCH = REPORTS / ".mutants" / "named"
SECONDS = 600
"""For one run of tests: a mutant that never ends is noticed by this."""

PASSED, FAILED = 0, 1
"""pytest's exit codes."""
IMPORT_BROKEN = 2
"""pytest's exit code when it cannot collect: the change was seen before a test began."""

Outcome = Literal["killed", "survived", "test_fails_without_it"]


class NamedMutantError(Exception):
    """The table does not fit the code; the text says which entry and what to do."""


@dataclass(frozen=True)
class NamedMutant:
    """One entry of the table."""

    name: str
    """The mistake, as somebody would make it."""
    why: str
    """Whom or what it would hurt."""
    file: str
    old: str
    """Occurs exactly once in the file."""
    new: str
    tests: tuple[str, ...]
    """Arguments of pytest."""
    environment: Environment = "tools"


def read_table(file: Path = TABLE) -> list[NamedMutant]:
    """Return the entries.

    Raises:
        NamedMutantError: two have one name, or one has an unknown environment.
    """
    table = tomllib.loads(file.read_text())["mutant"]
    mutants = [NamedMutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in table]
    if len({mutant.name for mutant in mutants}) < len(mutants):
        raise NamedMutantError(f"{file.name}: two mutants have the same name")
    for mutant in mutants:
        if mutant.environment not in get_args(Environment):
            raise NamedMutantError(f"{mutant.name}: no environment {mutant.environment!r}")
    return mutants


def mutated(mutant: NamedMutant, text: str) -> str:
    """Return the file's text with the mistake in it.

    Raises:
        NamedMutantError: the line is not there exactly once.
    """
    count = text.count(mutant.old)
    if count != 1:
        raise NamedMutantError(
            f"named.toml: {mutant.name!r}: {mutant.file} holds the fragment {count} times, not "
            f"once: {mutant.old!r}. The code has moved: give the entry its new file or line."
        )
    return text.replace(mutant.old, mutant.new)


def check_fragment(mutant: NamedMutant, root: Path = ROOT) -> None:
    """Let an entry pass whose file and tests are there.

    Raises:
        NamedMutantError: the fragment is not there exactly once, or a test file is missing.
    """
    file = root / mutant.file
    if not file.is_file():
        raise NamedMutantError(f"named.toml: {mutant.name!r}: there is no {mutant.file}; it moved")
    mutated(mutant, file.read_text())
    for test in mutant.tests:
        path = test.partition("::")[0]
        if path.startswith("tests/") and not (root / path).exists():
            raise NamedMutantError(f"named.toml: {mutant.name!r}: there is no {path}; it moved")


def run_named(
    mutants: Iterable[NamedMutant], *, fresh: bool = False
) -> Iterator[tuple[NamedMutant, Outcome]]:
    """Yield what became of each; one that was noticed is not asked again for the same files."""
    files = tree_files()
    copy_files(SCRATCH, {name: name for name in files})
    remove_others(SCRATCH, files)
    environments = SCRATCH / ".venv"  # the embedded AWS looks for the functions' Python in it
    if not environments.is_symlink():
        environments.symlink_to(ROOT / ".venv")
    known = Known(files, fresh=fresh)
    for mutant in mutants:
        if known.was_killed(mutant):
            yield mutant, "killed"
            continue
        outcome = outcome_of(mutant, SCRATCH, known)
        if outcome == "killed":
            known.record_kill(mutant)
        yield mutant, outcome


class Known:
    """What earlier runs found, on the disk: as long as a mutant's own file and tests are the same.

    Other files could matter too; ``--fresh`` forgets everything.
    """

    def __init__(self, files: Sequence[str], *, fresh: bool) -> None:
        self._files = files
        self._place = SCRATCH.with_suffix(".json")
        kept = self._place.is_file() and not fresh
        self._found: set[str] = set(json.loads(self._place.read_text())) if kept else set()

    def was_killed(self, mutant: NamedMutant) -> bool:
        """Return whether its tests noticed it."""
        return self._key(mutant, mutant) in self._found

    def record_kill(self, mutant: NamedMutant) -> None:
        """Remember that its tests noticed it."""
        self._keep(self._key(mutant, mutant))

    def was_passed(self, mutant: NamedMutant) -> bool:
        """Return whether its tests were seen to pass without it."""
        return self._key(mutant, (mutant.environment, mutant.tests)) in self._found

    def record_pass(self, mutant: NamedMutant) -> None:
        """Remember that its tests pass without it."""
        self._keep(self._key(mutant, (mutant.environment, mutant.tests)))

    def _key(self, mutant: NamedMutant, about: object) -> str:
        tests = [test.partition("::")[0] for test in mutant.tests]
        read = [
            file
            for file in self._files
            if file == mutant.file or any(Path(file).is_relative_to(test) for test in tests)
        ]
        return f"{about!r} {fingerprint(read)}"

    def _keep(self, key: str) -> None:
        self._found.add(key)
        self._place.parent.mkdir(parents=True, exist_ok=True)
        self._place.write_text(json.dumps(sorted(self._found), indent=1))


def outcome_of(mutant: NamedMutant, folder: Path, known: Known) -> Outcome:
    """Run the mutant's tests without it, where nobody did yet, and with it."""
    if not known.was_passed(mutant):
        if run_tests(mutant, folder) != PASSED:
            return "test_fails_without_it"
        known.record_pass(mutant)
    with applied(mutant, folder):
        code = run_tests(mutant, folder)
    return "killed" if code in {FAILED, IMPORT_BROKEN} else "survived"


@contextmanager
def applied(mutant: NamedMutant, folder: Path) -> Iterator[None]:
    """Have the mistake in the copy for a while."""
    file = folder / mutant.file
    before = file.read_bytes()
    file.write_text(mutated(mutant, before.decode()))
    try:
        yield
    finally:
        file.write_bytes(before)


def python_of(mutant: NamedMutant) -> Path:
    """Return the interpreter of the mutant's environment."""
    return ROOT / ".venv" / mutant.environment / "bin" / "python"


def run_tests(mutant: NamedMutant, folder: Path) -> int:
    """Return pytest's exit code; a run without an end counts as failed."""
    command = [
        str(python_of(mutant)),
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        *mutant.tests,
    ]
    # No bytecode: a mutant may have the size and the second of the file that it replaces.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return FAILED
    (folder.parent / "named.log").write_bytes(done.stdout + done.stderr)
    return done.returncode
