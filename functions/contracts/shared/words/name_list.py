"""A list of names that nobody may train or draw with, such as those of public figures.

A file has one name in a line, as it is written or as a hash, so that a list can be kept without
saying whom it names. Names are compared in the plain form of blocked_words.py.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from contracts.shared.words.blocked_words import words_of
from contracts.shared.words.prompt_weights import readings

MAX_WORDS = 6
"""Words of one name."""

MAX_BYTES = 4 << 20

HASH = re.compile(r"sha256:[0-9a-f]{64}")


class NameListError(Exception):
    """A file is no list of names; the message says which line, and not what it says."""


class NameList(NamedTuple):
    """The names of a file."""

    names: frozenset[str] = frozenset()
    """Plain forms."""
    hashes: frozenset[str] = frozenset()
    """``hash_of`` of names."""


NO_NAMES = NameList()


def hash_of(name: str) -> str:
    """Return what may stand in a file in place of a name.

    >>> hash_of("Famous Person") == hash_of("fámous-person")
    True
    """
    return f"sha256:{hashlib.sha256(' '.join(words_of(name)).encode()).hexdigest()}"


def parse_names(text: str) -> NameList:
    """Return the names of a file; empty lines and those that begin with # are left out.

    Raises:
        NameListError: a line has no word, or more than MAX_WORDS.
    """
    names, hashes = set(), set()
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        if HASH.fullmatch(entry):
            hashes.add(entry)
            continue
        words = words_of(entry)
        if not 1 <= len(words) <= MAX_WORDS:
            message = f"line {number}: a name has 1 to {MAX_WORDS} words"
            raise NameListError(message)
        names.add(" ".join(words))
    return NameList(frozenset(names), frozenset(hashes))


def has_name(text: str, listed: NameList) -> bool:
    r"""Return whether a text has one of the names as whole words.

    >>> listed = parse_names("Famous Person\n" + hash_of("Somebody Else"))
    >>> has_name("a photo of FAMOUS person", listed), has_name("somebody, else", listed)
    (True, True)
    >>> has_name("an infamous personality", listed)
    False
    """
    return listed != NO_NAMES and any(is_named(words_of(one), listed) for one in readings(text))


def is_named(words: Sequence[str], listed: NameList) -> bool:
    """Return whether some of a text's words, in their order, are one of the names."""
    for start in range(len(words)):
        for end in range(start + 1, min(start + MAX_WORDS, len(words)) + 1):
            name = " ".join(words[start:end])
            if name in listed.names or (listed.hashes and hash_of(name) in listed.hashes):
                return True
    return False
