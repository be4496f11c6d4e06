"""How CLIP's tokenizer splits a word: byte pairs, joined in the order in which they were learnt.

The rule is that of OpenAI's CLIP (simple_tokenizer.py, MIT): lower case, words and single digits
and punctuation apart, each word as bytes, and the end of a word marked with ``</w>``. The files are
the base's own ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile
from typing import NamedTuple

END = "</w>"
"""Mark of a word's end."""

MAX_TOKENS = 4
"""Number of tokens of a trigger word, above which it counts as split. ``ohwx`` has two in CLIP."""

_CONTRACTION = re.compile("'(?:s|t|re|ve|m|ll|d)")
"""An end of a word that CLIP takes for a word of its own."""

COMMON_SHARE = 0.8
"""Share of the vocabulary that is common words: it is in the order in which it was learnt, the most
frequent pairs first. CLIP's has 49,408 tokens, of which ``sks`` is number 48,136."""


class Vocabulary(NamedTuple):
    """The words that a text encoder knows."""

    numbers: dict[str, int]
    """Token -> its number."""
    ranks: dict[tuple[str, str], int]
    """Pair of tokens -> when it was learnt to join them."""


def vocabulary_of(tokenizer: bytes) -> Vocabulary | None:
    """Return the words in a ``tokenizer.json``; None where it is not one of CLIP's kind."""
    try:
        model = json.loads(tokenizer)["model"]
        if model["type"] != "BPE" or model.get("end_of_word_suffix") != END:
            return None
        pairs = [tuple(p) if isinstance(p, list) else tuple(p.split(" ")) for p in model["merges"]]
        numbers = {str(token): int(number) for token, number in model["vocab"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return _checked(numbers, pairs)


def vocabulary_of_pairs(vocabulary: bytes, merges: bytes) -> Vocabulary | None:
    """Return the words in a ``vocab.json`` and a ``merges.txt``; None where these are others."""
    try:
        numbers = {str(token): int(number) for token, number in json.loads(vocabulary).items()}
        lines = merges.decode().splitlines()
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if not any(token.endswith(END) for token in numbers):  # byte pairs of another kind: Qwen's
        return None
    pairs = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    return _checked(numbers, pairs)


def _checked(numbers: dict[str, int], pairs: Sequence[tuple[str, ...]]) -> Vocabulary | None:
    whole = [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]  # noqa: PLR2004
    ranks = {pair: rank for rank, pair in enumerate(whole)}
    return Vocabulary(numbers, ranks) if numbers and len(whole) == len(pairs) else None


def tokens_of(text: str, known: Vocabulary) -> list[str]:
    """Return the tokens of a text."""
    return [token for word in _words(text) for token in _joined(_as_bytes(word), known)]


def count_tokens(text: str, known: Vocabulary) -> int:
    """Return the number of a text's tokens."""
    return len(tokens_of(text, known))


def trigger_codes(trigger_word: str, known: Vocabulary) -> tuple[str, ...]:
    """Return the advice on a trigger word: it is split, or it means something already."""
    tokens = tokens_of(trigger_word, known)
    last = COMMON_SHARE * len(known.numbers)
    common = [token.endswith(END) and known.numbers.get(token, last) < last for token in tokens]
    if len(tokens) > MAX_TOKENS:
        return ("trigger_split",)
    is_whole = len(list(_words(trigger_word))) == len(tokens)
    return ("trigger_known",) if is_whole and tokens and all(common) else ()


def _words(text: str) -> Iterator[str]:
    """Yield the words of a text as CLIP parts them: letters, each digit, other signs."""
    for part in unicodedata.normalize("NFC", text).lower().split():
        place = 0
        while place < len(part):
            word = _word_at(part, place)
            yield word
            place += len(word)


def _word_at(part: str, place: int) -> str:
    """Return the word that begins at a place of a text without spaces."""
    short = _CONTRACTION.match(part, place)
    if short:
        return short[0]
    kind = _kind(part[place])
    if kind == "digit":
        return part[place]
    return "".join(takewhile(lambda letter: _kind(letter) == kind, part[place:]))


def _kind(letter: str) -> str:
    category = unicodedata.category(letter)[0]
    return {"L": "letter", "N": "digit"}.get(category, "sign")


def _as_bytes(word: str) -> list[str]:
    """Return a word's bytes as the letters that stand for them; the last one ends the word."""
    letters = [_LETTERS[byte] for byte in word.encode()]
    return [*letters[:-1], letters[-1] + END]


def _joined(parts: list[str], known: Vocabulary) -> list[str]:
    """Return the parts after joining the pair that was learnt first, as long as there is one."""
    while len(parts) > 1:
        ranked = [(known.ranks.get(pair), pair) for pair in pairwise(parts)]
        first = min(((rank, pair) for rank, pair in ranked if rank is not None), default=None)
        if first is None:
            break
        parts = list(_with_pair_joined(parts, first[1]))
    return parts


def _with_pair_joined(parts: list[str], pair: tuple[str, str]) -> Iterator[str]:
    place = 0
    while place < len(parts):
        is_pair = tuple(parts[place : place + 2]) == pair
        yield "".join(pair) if is_pair else parts[place]
        place += 2 if is_pair else 1


def _letters() -> dict[int, str]:
    """Return the printable letter for each byte: itself, or one from 256 on."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {
        byte: chr(256 + place) for place, byte in enumerate(others)
    }


_LETTERS = _letters()
