"""A name on the list is found however it is written, also where the list has hashes alone."""

import pytest

from contracts.shared.words.name_list import (
    MAX_WORDS,
    NO_NAMES,
    NameListError,
    has_name,
    hash_of,
    parse_names,
)

LIST = "# public figures\n\nFamous Person\n" + hash_of("Élodie Dupont-Vert") + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "a photo of FAMOUS person",
        "famous_person!",
        "fámous-pe\u200brson",
        "elodie dupont vert, 1970",
        "(famous:1.2) [person]",
        "elodie (dup)(ont) vert",
    ],
)
def test_a_name_is_found_however_it_is_written(text: str) -> None:
    assert has_name(text, parse_names(LIST))


@pytest.mark.parametrize(
    "text", ["", "an infamous personality", "famous", "elodie vert", "person famous"]
)
def test_what_only_resembles_a_name_is_none(text: str) -> None:
    assert not has_name(text, parse_names(LIST))


def test_an_empty_list_has_nobody() -> None:
    assert parse_names("# nobody\n") == NO_NAMES
    assert not has_name("famous person", NO_NAMES)


@pytest.mark.parametrize("line", ["!!!", " ".join(["a"] * (MAX_WORDS + 1))])
def test_a_line_that_is_no_name_is_told_by_its_number_alone(line: str) -> None:
    with pytest.raises(NameListError, match="line 2: a name has") as caught:
        parse_names(f"good name\n{line}\n")
    assert line not in str(caught.value)


def test_the_longest_name_is_found() -> None:
    name = "one two three four five six"
    assert has_name(f"before {name} after", parse_names(hash_of(name)))
