"""Advice on the trigger word: how the base's own tokenizer splits it, and what it knows already."""

from collections.abc import Callable
from hashlib import sha256

from contracts.base import BaseCard
from contracts.shared import layout
from contracts.shared.words.tokens import (
    Vocabulary,
    trigger_codes,
    vocabulary_of,
    vocabulary_of_pairs,
)
from domain.ports.bases import Bases
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError

FOLDER = "tokenizer/"
MAX_TOKENIZER_BYTES = 16 << 20
"""Largest tokenizer file that is read; CLIP's has 3.6 MB."""


ReadFile = Callable[[str], bytes | None]
"""Returns a file of a base by its path in the base's folder; None where it cannot be used."""


def advice_on_trigger(trigger_word: str, card: BaseCard, bases: Bases) -> tuple[str, ...]:
    """Return the codes for a trigger word; none where the base has another kind of tokenizer."""
    known = words_of(files_of(card, bases))
    return () if known is None else trigger_codes(trigger_word, known)


def files_of(card: BaseCard, bases: Bases) -> ReadFile:
    """Return what reads a tokenizer's file of a base in the bucket; a changed one is none."""

    def read(path: str) -> bytes | None:
        if path not in card.files:
            return None
        try:
            body = bases.storage.read(
                layout.bases.base_prefix(card.base_id) + path, MAX_TOKENIZER_BYTES
            )
        except (ObjectMissingError, ObjectTooLargeError):
            return None
        return body if sha256(body).hexdigest() == card.files[path] else None

    return read


def words_of(read: ReadFile) -> Vocabulary | None:
    """Return the words of the base whose files are read; None where they are not those of CLIP."""
    tokenizer = read(FOLDER + "tokenizer.json")
    if tokenizer is not None:
        return vocabulary_of(tokenizer)
    vocabulary, merges = read(FOLDER + "vocab.json"), read(FOLDER + "merges.txt")
    if vocabulary is None or merges is None:
        return None
    return vocabulary_of_pairs(vocabulary, merges)
