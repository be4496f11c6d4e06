"""A trigger word is split as CLIP's tokenizer splits it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.shared.words.tokens import (
    Vocabulary,
    tokens_of,
    trigger_codes,
    vocabulary_of,
    vocabulary_of_pairs,
)

PAIRS = ["d o", "do g</w>", "m y</w>", "m a", "ma n</w>", "o h", "w x</w>", "s k", "sk s</w>"]
LETTERS = [*map(chr, range(33, 127)), *(chr(n) + "</w>" for n in range(33, 127))]
JOINED = [pair.replace(" ", "") for pair in PAIRS]
WORDS = [*LETTERS, *JOINED[:-1], "left", "over", *map(str, range(400)), JOINED[-1]]
KNOWN = vocabulary_of_pairs(
    json.dumps({word: number for number, word in enumerate(WORDS)}).encode(),
    "\n".join(["#version: 0.2", *PAIRS, ""]).encode(),
)


def known() -> Vocabulary:
    assert KNOWN is not None
    return KNOWN


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("dog", ["dog</w>"]),
        ("DOG  dog", ["dog</w>", "dog</w>"]),
        ("ohwx", ["oh", "wx</w>"]),
        ("my_dog", ["my</w>", "_</w>", "dog</w>"]),
        ("a12", ["a</w>", "1</w>", "2</w>"]),
        ("é", ["Ã", "©</w>"]),
        ("dog's", ["dog</w>", "'", "s</w>"]),
        ("dog!'s", ["dog</w>", "!", "'</w>", "s</w>"]),
    ],
)
def test_a_word_is_split_into_the_pairs_that_were_learnt(text: str, tokens: list[str]) -> None:
    assert tokens_of(text, known()) == tokens


@pytest.mark.parametrize(
    ("word", "codes"),
    [
        ("ohwx", ()),
        ("zwx", ()),
        ("ohwx man", ()),
        ("sks", ()),
        ("dog", ("trigger_known",)),
        ("my dog", ("trigger_known",)),
        ("小明", ("trigger_split",)),
        ("p3r5on", ("trigger_split",)),
    ],
)
def test_a_split_or_known_word_gets_advice(word: str, codes: tuple[str, ...]) -> None:
    assert trigger_codes(word, known()) == codes


def test_both_forms_of_the_files_give_the_same_words() -> None:
    model = {
        "type": "BPE",
        "end_of_word_suffix": "</w>",
        "vocab": known().numbers,
        "merges": [pair.split(" ") for pair in PAIRS],
    }
    assert vocabulary_of(json.dumps({"model": model}).encode()) == known()
    joined = model | {"merges": PAIRS}
    assert vocabulary_of(json.dumps({"model": joined}).encode()) == known()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"model": {"type": "Unigram", "vocab": []}}', b"\xff"]
)
def test_another_tokenizer_says_nothing(body: bytes) -> None:
    assert vocabulary_of(body) is None
    assert vocabulary_of_pairs(body, body) is None


@given(st.text(max_size=24))
def test_no_letter_of_a_word_is_lost(text: str) -> None:
    joined = "".join(token.removesuffix("</w>") for token in tokens_of(text, known()))
    assert len(joined) >= len("".join(text.split()))
