"""An upload that says nothing of its photos is told what to write, and what its folder lacks."""

import pytest

from domain.requests.merge import RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError


def message_for(folder: str) -> str:
    with pytest.raises(RequestRefusedError) as caught:
        merge_sources(RequestSources(None, {}, (f"{folder}/1.jpg",)))
    instance, of_class = caught.value.problems
    assert (instance.field, of_class.field) == ("instance_prompt", "class_prompt")
    assert "20_ohwx man" in of_class.message
    assert len(instance.message) <= 300
    return instance.message


@pytest.mark.parametrize(
    "folder", ["20 ohwx man", "20-ohwx man", "20x ohwx", "10.zwx cat", "2024-07"]
)
def test_a_number_without_its_mark_is_told(folder: str) -> None:
    assert message_for(folder).endswith("behind it comes no _: write it as there.")


@pytest.mark.parametrize("folder", ["0_ohwx man", "2024_summer", "20_", "20_ ohwx man", "12345_a"])
def test_a_number_out_of_range_and_no_word_are_told(folder: str) -> None:
    assert "1 to 1000" in message_for(folder)


@pytest.mark.parametrize("folder", ["20_the dog", "20_photo of me", "20_😀😀 man", "20_a"])
def test_a_word_that_names_nobody_is_told(folder: str) -> None:
    assert "names nobody" in message_for(folder)


@pytest.mark.parametrize("folder", ["ohwx man", "photos", "summer 2024"])
def test_a_folder_without_a_number_is_no_slip_and_its_name_is_not_repeated(folder: str) -> None:
    message = message_for(folder)
    assert message.endswith("20_ohwx man.")
    assert "summer" not in message
