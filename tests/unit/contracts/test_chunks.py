"""CLIP's chunks: 75 tokens of a text each, between CLIP's own."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.shared.words.chunks import (
    MAX_SCALE,
    MIN_MEAN,
    ClipTokens,
    count_chunks,
    make_chunks,
    scale_of,
    split,
)
from contracts.shared.words.prompt_weights import literal, read_weights

CLIP = ClipTokens(lambda text: [ord(letter) for letter in text], 1, 2, 3, 5)
"""Each letter is a token, and a chunk has three."""


def letters(text: str) -> list[list[tuple[str, float]]]:
    chunks = split(read_weights(text), CLIP)
    return [[(chr(token.id), token.weight) for token in chunk] for chunk in chunks]


def test_a_text_is_split_where_a_chunk_is_full() -> None:
    assert letters("ab(cd:2)") == [[("a", 1), ("b", 1), ("c", 2)], [("d", 2)]]
    assert letters("abc") == [[("a", 1), ("b", 1), ("c", 1)]]


def test_break_ends_a_chunk_and_an_empty_part_is_one() -> None:
    assert [len(chunk) for chunk in letters("abcd BREAK b")] == [3, 1, 1]
    assert letters("") == [[]]
    assert letters("BREAK") == [[], []]


def test_a_shorter_prompt_gets_empty_chunks_beside_a_longer_one() -> None:
    prompts = [literal("abcd"), read_weights("(a:2)")]
    assert count_chunks(CLIP, *prompts) == 2
    first, second = make_chunks(prompts, CLIP, 2)
    assert [[token.id for token in row] for row in first] == [[1, 97, 98, 99, 2], [1, 97, 2, 3, 3]]
    assert [[token.id for token in row] for row in second] == [[1, 100, 2, 3, 3], [1, 2, 3, 3, 3]]
    assert [token.weight for token in first[1]] == [1, 2, 1, 1, 1]


class Tokenizer:
    """What is read of a tokenizer of transformers."""

    bos_token_id, eos_token_id, pad_token_id, model_max_length = 1, 2, 0, 77

    def __call__(self, text: str, *, add_special_tokens: bool) -> "Tokenizer":
        assert not add_special_tokens
        self.input_ids = [len(word) for word in text.split()]
        return self


def test_a_tokenizer_of_transformers_is_read() -> None:
    clip = ClipTokens.of(Tokenizer())
    assert clip[1:] == (1, 2, 0, 77)
    assert [len(chunk) for chunk in split(literal("word " * 151), clip)] == [75, 75, 1]


MEANS = st.floats(-10, 10, allow_nan=False)


@given(MEANS, MEANS, st.floats(0, 10))
def test_a_mean_is_restored_exactly_or_left_as_it_is(
    before: float, after: float, size: float
) -> None:
    scale = scale_of(before, after, size)
    assert 1 / MAX_SCALE <= scale <= MAX_SCALE
    if scale != 1:
        assert abs(before) >= MIN_MEAN * size
        assert abs(scale * after - before) <= 1e-9


def test_means_that_are_no_numbers_scale_nothing() -> None:
    nan = float("nan")
    assert [scale_of(*three) for three in ((nan, 1, 1), (1, nan, 1), (1, 1, nan))] == [1, 1, 1]
