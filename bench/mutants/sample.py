"""A sample of a room's mutants, so that every room can be asked in an hour."""

import hashlib
from collections.abc import Collection


def drawn(names: Collection[str], size: int | None) -> set[str]:
    """Return as many names as asked for, or all; the same ones in every run.

    A name's place is that of its hash, so a mutant that is added or removed changes one of the
    sample at most.

    >>> drawn(["a", "b", "c"], None) == {"a", "b", "c"} and len(drawn(["a", "b", "c"], 2)) == 2
    True
    """
    return set(sorted(names, key=place)[:size])


def place(name: str) -> bytes:
    """Return what a name is ordered by."""
    return hashlib.sha256(name.encode()).digest()
