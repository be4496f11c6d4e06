"""A blocked word is found however it is written, and no word that only contains it is."""

# ruff: noqa: RUF001 - look-alike letters are what is tested

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.shared.words.blocked_words import has_blocked, parse_words, plain

BLOCKED = parse_words("famous person, nackt, 裸体")


@pytest.mark.parametrize(
    "text",
    [
        "a famous person",
        "FAMOUS PERSON",
        "famous   person",
        "famous-person",
        "famous_person",
        "fámous pérson",
        "ｆａｍｏｕｓ ｐｅｒｓｏｎ",
        "𝐟𝐚𝐦𝐨𝐮𝐬 𝓹𝓮𝓻𝓼𝓸𝓷",
        "fa\u200bmous per\u00adson",
        "f\u2060amous perso\ufeffn",
        "fаmous реrson",
        "famοus persοn",
        "(famous:1.3) person",
        "((famous)) [person]",
        "fam(ous:1.0) per(son:1)",
        "(fam)(ous) person",
        "fam<lora:me:1>ous person",
        "famous BREAK person",
        "(nac)(kt)",
        "NACKT!",
        "一张裸体照片",
    ],
)
def test_a_blocked_word_is_found_however_it_is_written(text: str) -> None:
    assert has_blocked(text, BLOCKED)


@pytest.mark.parametrize(
    "text", ["", "infamous person", "famous personality", "nackter", "person famous", "фото"]
)
def test_a_word_that_only_contains_it_is_none(text: str) -> None:
    assert not has_blocked(text, BLOCKED)


def test_a_list_may_be_empty_and_blocks_nothing() -> None:
    for text in ("none", " none ", "", " , ", "!!"):
        assert parse_words(text) == ()
    assert not has_blocked("famous person", ())


@given(st.text())
def test_the_plain_form_is_its_own_plain_form_and_has_no_invisible_character(text: str) -> None:
    assert "\u200b" not in plain(text)
    assert has_blocked(f"x {text} famous person", BLOCKED)
