"""The examples in the docstrings of the trainer, those of modules that need torch too."""

import pytest

pytest.importorskip("torch", reason="needs the training environment")

from tests.unit.examples_kit import failed_examples, modules_with_examples

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("module", modules_with_examples("training_image", "trainer"))
def test_the_examples_in_docstrings_hold(module: str) -> None:
    assert failed_examples(module) == 0
