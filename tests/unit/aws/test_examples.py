"""The examples in the docstrings of this room hold."""

import pytest

from tests.unit.examples_kit import failed_examples, modules_with_examples


@pytest.mark.parametrize("module", modules_with_examples("functions", "aws"))
def test_the_examples_in_docstrings_hold(module: str) -> None:
    assert failed_examples(module) == 0
