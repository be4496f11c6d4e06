"""The examples in docstrings, run: an example that no longer holds misleads whoever reads it."""

import doctest
from importlib import import_module
from pathlib import Path

from tests.contract.files import ROOT


def modules_with_examples(tree: str, package: str) -> list[str]:
    """The modules of a package, found from the folder in which its imports start."""
    found = (ROOT / tree / package).rglob("*.py")
    return sorted(name_of(path, ROOT / tree) for path in found if ">>> " in path.read_text())


def name_of(path: Path, tree: Path) -> str:
    return ".".join(path.relative_to(tree).with_suffix("").parts)


def failed_examples(module: str) -> int:
    """How many of a module's examples do not give what they say."""
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(import_module(module), module):
        if "__mutmut_" not in test.name:  # `make mutants` leaves its variants beside the function
            runner.run(test)
    return runner.summarize(verbose=False).failed
