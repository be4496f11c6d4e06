"""The examples in the docstrings of this room and of the HTTP API hold."""

import pytest

from tests.unit.examples_kit import failed_examples, modules_with_examples

ROOMS = ("runtime", "http_api")
MODULES = [module for room in ROOMS for module in modules_with_examples("functions", room)]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_hold(module: str) -> None:
    assert failed_examples(module) == 0
