"""Runs with a room's scratch copy as working directory, in the room's environment.

    python bench/mutants/inside.py MUTMUT run [SAMPLE]
    python bench/mutants/inside.py MUTMUT verdicts [SAMPLE]

MUTMUT is the folder of mutmut and what it needs. It comes last on the path: what the environment
has in its own versions stays the environment's. SAMPLE is how many mutants are run and told; all of
them without it.
"""

import json
import signal
import site
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

WORKERS = 2


def run(size: int | None) -> None:
    """Test every mutant of the sample that has no verdict."""
    from mutmut.__main__ import cli  # noqa: PLC0415

    # Whatever was started in the background has SIGINT ignored; it is how the time limit ends this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_quick_tests_first()
    run_only_sample(size)
    cli(["run", "--max-children", str(WORKERS)])


def run_quick_tests_first() -> None:
    """Have the tests of a mutant run in the order of their length: the first failure ends them."""
    from mutmut.runners.harness import PytestRunner  # noqa: PLC0415
    from mutmut.state import state  # noqa: PLC0415

    run_in_any_order = PytestRunner.run_tests

    def run_tests(self: Any, *, mutant_name: str | None, tests: Iterable[str]) -> int:  # noqa: ANN401
        seconds = state().duration_by_test
        ordered = sorted(tests, key=lambda test: seconds.get(test, 0))
        code: int = run_in_any_order(self, mutant_name=mutant_name, tests=ordered)
        return code

    PytestRunner.run_tests = run_tests


def run_only_sample(size: int | None) -> None:
    """Have mutmut see the mutants of the sample alone."""
    import mutmut.__main__ as program  # noqa: PLC0415

    from bench.mutants.sample import drawn  # noqa: PLC0415

    collect_all = program.collect_source_file_mutation_data

    def collect(**given: Any) -> Any:  # noqa: ANN401
        mutants, files = collect_all(**given)
        sample = drawn([name for _, name, _ in mutants], size)
        return [mutant for mutant in mutants if mutant[1] in sample], files

    program.collect_source_file_mutation_data = collect


def verdicts(size: int | None) -> None:
    """Print the mutants of the sample: file, status, and, unless it was killed, the change."""
    from mutmut.mutation.data import SourceFileMutationData  # noqa: PLC0415
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # noqa: PLC0415
    from mutmut.stats import status_by_exit_code  # noqa: PLC0415
    from mutmut.utils.file_utils import walk_mutatable_files  # noqa: PLC0415

    from bench.mutants.sample import drawn  # noqa: PLC0415

    files = [SourceFileMutationData(path=path) for path in walk_mutatable_files()]
    for data in files:
        data.load()
    sample = drawn([name for data in files for name in data.exit_code_by_key], size)
    found = []
    for data in files:
        for name in sorted(sample & data.exit_code_by_key.keys()):
            status = status_by_exit_code[data.exit_code_by_key[name]]
            reported = status in {"survived", "no tests"}
            diff = get_diff_for_mutant(name, path=data.path) if reported else ""
            found.append({"file": str(data.path), "name": name, "status": status, "diff": diff})
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    site.addsitedir(sys.argv[1])
    sys.path[0] = str(Path.cwd())  # not this folder: its modules are not the scratch copy's
    given = int(sys.argv[3]) if len(sys.argv) > 3 else None  # noqa: PLR2004
    {"run": run, "verdicts": verdicts}[sys.argv[2]](given)
