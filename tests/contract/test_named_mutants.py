"""The table of named mutants fits the code: each line that is to be changed is there, once."""

import pytest

from bench.mutants.__main__ import MIN_NAMED
from bench.mutants.named import NamedMutant, check_fragment, mutated, read_table
from tests.contract.files import ROOT

TABLE = read_table()


@pytest.mark.parametrize("mutant", TABLE, ids=lambda mutant: mutant.name)
def test_the_line_that_a_named_mutant_changes_is_there_once(mutant: NamedMutant) -> None:
    check_fragment(mutant)


@pytest.mark.parametrize(
    "mutant", [m for m in TABLE if m.file.endswith(".py")], ids=lambda mutant: mutant.name
)
def test_a_named_mutant_is_python_still(mutant: NamedMutant) -> None:
    compile(mutated(mutant, (ROOT / mutant.file).read_text()), mutant.file, "exec")


def test_there_are_enough_named_mutants() -> None:
    assert len(TABLE) >= MIN_NAMED
