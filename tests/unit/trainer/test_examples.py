"""The examples in the docstrings of this room hold."""

import pytest

from tests.unit.examples_kit import failed_examples, modules_with_examples


@pytest.mark.parametrize("module", modules_with_examples("training_image", "trainer"))
def test_the_examples_in_docstrings_hold(module: str) -> None:
    """Those of modules that need torch are run by tests/smoke/test_training_examples.py."""
    pytest.importorskip(module, reason="needs the training environment")
    assert failed_examples(module) == 0
