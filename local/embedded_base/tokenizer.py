"""Generates the tokenizer: every word of the captions is one token.

All 256 bytes are tokens too, so any other word (a trigger word, another language) is spelt in
bytes.
"""

from collections import Counter
from itertools import pairwise

from transformers import CLIPTokenizer

from local.portraits import characters, moments

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
FRAMES = ("photo", "picture", "portrait", "drawing", "image", "closeup", "face", "hat", "with")
PEOPLE = ("person", "people", "man", "woman", "boy", "girl", "child", "character")
SMALL_WORDS = ("a", "an", "of", "the", "and", "in", "on", "wearing", "head", "has")


def make_tokenizer(tokens: int) -> CLIPTokenizer:
    """Return a CLIP tokenizer for prompts of up to `tokens` tokens."""
    merges = learn_merges(caption_words())
    letters = byte_letters()
    spelling = [*letters, *(letter + WORD_END for letter in letters)]
    names = [*spelling, *(left + right for left, right in merges), START, END]
    vocabulary = {name: number for number, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=tokens)


def caption_words() -> list[str]:
    """Return every word that is one token."""
    tables = (
        characters.SKIN,
        characters.HAIR,
        characters.EYES,
        characters.HAIR_STYLES,
        characters.BEARDS,
        characters.GLASSES,
        characters.MARKS,
        characters.ACCESSORIES,
        moments.EXPRESSIONS,
        moments.SHIRTS,
        moments.BACKGROUNDS,
        ("hair", "skin", "eyes", "glasses", "shirt", "background"),
        FRAMES,
        PEOPLE,
        SMALL_WORDS,
    )
    return sorted({word for table in tables for word in table})


def byte_letters() -> list[str]:
    """Return the printable letter that byte-level BPE writes for each of the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in printable}
    spare = iter(range(256, 512))
    return [letters[byte] if byte in letters else chr(next(spare)) for byte in range(256)]


def learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Return byte-pair merges, most frequent first, until every word is one token."""
    spelt = [[*word[:-1], word[-1] + WORD_END] for word in words]
    merges = []
    while pairs := Counter(pair for word in spelt for pair in pairwise(word)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelt = [merge(word, best) for word in spelt]
    return merges


def merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    """Return a word with one pair of neighbours joined wherever it stands.

    >>> merge(["a", "b", "a", "b</w>"], ("a", "b"))
    ['ab', 'a', 'b</w>']
    """
    joined: list[str] = []
    for letter in word:
        if joined and (joined[-1], letter) == pair:
            joined[-1] += letter
        else:
            joined.append(letter)
    return joined
