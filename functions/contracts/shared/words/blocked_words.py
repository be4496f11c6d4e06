"""Words that an operator lets nobody draw with, found however they are written.

A text is compared in a plain form: compatibility forms (NFKC), no marks over letters, no invisible
characters, look-alikes of other alphabets as Latin letters, lower case. A word counts where it
stands as a whole word; a phrase counts with any spaces or punctuation between its words. What
weighs words or names other tools' files counts as nothing, as it is not drawn.
"""

import re
import unicodedata
from collections.abc import Sequence

from contracts.shared.words.prompt_weights import readings

NONE = "none"
"""Value of the template's parameter BlockedWords that blocks nothing."""

UNSPACED = "\u3040-\u30ff\u3400-\u9fff"
"""Scripts without spaces between words: kana and Chinese characters."""

LOOK_ALIKES = {
    # Cyrillic
    0x0430: "a",
    0x0431: "b",
    0x0432: "b",
    0x0433: "r",
    0x0435: "e",
    0x0451: "e",
    0x0437: "3",
    0x0456: "i",
    0x0458: "j",
    0x043A: "k",
    0x043C: "m",
    0x043D: "h",
    0x043E: "o",
    0x0440: "p",
    0x0441: "c",
    0x0455: "s",
    0x0442: "t",
    0x0443: "y",
    0x0445: "x",
    0x0475: "v",
    0x0501: "d",
    0x051B: "q",
    0x051D: "w",
    0x04BB: "h",
    # Greek
    0x03B1: "a",
    0x03B2: "b",
    0x03B3: "y",
    0x03B5: "e",
    0x03B6: "z",
    0x03B7: "h",
    0x03B9: "i",
    0x03BA: "k",
    0x03BC: "m",
    0x03BD: "v",
    0x03BF: "o",
    0x03C1: "p",
    0x03C4: "t",
    0x03C5: "y",
    0x03C7: "x",
    0x03C9: "w",
    # phonetic
    0x0251: "a",
    0x0261: "g",
    0x0131: "i",
    0x0237: "j",
    0x029F: "l",
    0x0274: "n",
    0x0280: "r",
    0x028F: "y",
}
"""Letters of Cyrillic, Greek and phonetic alphabets that look like a Latin one."""


def plain(text: str) -> str:
    r"""Return the form in which texts are compared.

    >>> plain("FAMOUS pers\u200b\u043en")
    'famous person'
    """
    composed = unicodedata.normalize("NFKC", text).casefold()
    letters = unicodedata.normalize("NFKD", composed)
    seen = "".join(c for c in letters if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    return seen.translate(LOOK_ALIKES)


def parse_words(text: str) -> tuple[str, ...]:
    """Return the plain words and phrases of a list with commas.

    >>> parse_words("Famous Person, , naked"), parse_words("none")
    (('famous person', 'naked'), ())
    """
    if text.strip() == NONE:
        return ()
    return tuple(" ".join(words) for one in text.split(",") if (words := words_of(one)))


def has_blocked(text: str, blocked: Sequence[str]) -> bool:
    """Return whether a text has one of the words of ``parse_words``.

    >>> has_blocked("a photo of FAMOUS-person", ("famous person",))
    True
    >>> has_blocked("(famous:1.2) person", ("famous person",))
    True
    >>> has_blocked("infamous personality", ("famous person",))
    False
    """
    texts = [f" {' '.join(words_of(one))} " for one in readings(text)]
    return any(f" {one} " in words for one in blocked for words in texts)


def words_of(text: str) -> list[str]:
    """Return the plain words of a text: runs of letters and digits.

    The signs of unspaced scripts are words of one.
    """
    return re.findall(f"[{UNSPACED}]|[^\\W_{UNSPACED}]+", plain(text))
