"""Which words may name a subject: one rule for requests, folder names and advice.

A trigger word consists of letters of any script with their marks, digits, ``_``, ``-`` and single
spaces inside. It is compared and stored in Unicode's composed form (NFC), so ``zoë`` is one word
however a keyboard or a file system writes it. It is a user's text: data, never a part of a path.
"""

import unicodedata

MIN_TRIGGER, MAX_TRIGGER = 2, 24
"""Length of a trigger word in characters, in composed form."""

_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
"""Letters and marks that show nothing: Unicode's Default_Ignorable_Code_Point of L and M."""


def composed(text: str) -> str:
    """Return the text in Unicode's composed form.

    >>> composed("zoe\u0308") == "zoë"
    True
    """
    return unicodedata.normalize("NFC", text)


def trigger_problem(word: str) -> str | None:
    """Return why a text in composed form is no trigger word; None if it is one.

    >>> [trigger_problem(word) for word in ("zoë", "小明", "ohwx man", "my_dog")]
    [None, None, None, None]
    >>> trigger_problem("a" * 25)
    'must have 2 to 24 characters'
    """
    if not MIN_TRIGGER <= len(word) <= MAX_TRIGGER:
        return f"must have {MIN_TRIGGER} to {MAX_TRIGGER} characters"
    if not spells_words(word):
        return "must consist of letters, digits, _, - and single spaces between words"
    if not any(letter.isalnum() for letter in word):
        return "must contain a letter or a digit"
    return None


def is_trigger_word(word: str) -> bool:
    """Return whether a text in composed form may name a subject.

    >>> is_trigger_word("zwx"), is_trigger_word("../x"), is_trigger_word("a\u200bb")
    (True, False, False)
    """
    return trigger_problem(word) is None


def spells_words(text: str) -> bool:
    """Return whether a text consists of visible words with single spaces between them.

    >>> spells_words("big cat"), spells_words("big  cat"), spells_words("a/b")
    (True, False, False)
    """
    spaced = text == text.strip(" ") and "  " not in text
    return spaced and all(_may_stand(letter, text[:place]) for place, letter in enumerate(text))


def _may_stand(letter: str, before: str) -> bool:
    """Return whether a character may stand behind ``before``; a mark needs its letter."""
    kind = unicodedata.category(letter)
    if letter in _INVISIBLE:
        return False
    if kind in {"Mn", "Mc"}:
        return bool(before) and unicodedata.category(before[-1])[0] in "LM"
    return kind[0] == "L" or kind == "Nd" or letter in "_- "
