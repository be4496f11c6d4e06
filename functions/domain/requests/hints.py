"""Which known name somebody meant by an unknown one: a slip of the pen, or another spelling.

A name that only looks like another is no hint: ``negative_prompt`` is not ``instance_prompt``.
"""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

SHORT = 5
"""Letters of a name in which one slip is likely; two are, in a longer one."""

ALIKE = 0.8
"""Share of equal letters, in their order, with which two names are taken for one another."""


def name_meant(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was meant; None if no one is likely.

    >>> names = ["rank", "max_train_steps", "instance_prompt", "num_class_images", "preset"]
    >>> [name_meant(n, names) for n in ("rnak", "maxTrainStep", "--instance-prompt")]
    ['rank', 'max_train_steps', 'instance_prompt']
    >>> [name_meant(n, names) for n in ("max_steps_train", "class_images")]
    ['max_train_steps', 'num_class_images']
    >>> name_meant("lernrate", ["learning_rate"])
    'learning_rate'
    >>> [name_meant(n, names) for n in ("negative_prompt", "input_images", "request")]
    [None, None, None]
    """
    given = words_of(name)
    rated = [(_distance(given, words_of(one)), one) for one in known]
    likely = [(distance, one) for distance, one in rated if distance is not None]
    return min(likely)[1] if likely else None


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case.

    >>> words_of("--instancePrompt"), words_of("network-dim"), words_of("RANK")
    (['instance', 'prompt'], ['network', 'dim'], ['rank'])
    """
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name[:100])
    return re.findall(r"[^\W_]+", spaced.lower())


def _distance(given: list[str], known: list[str]) -> int | None:
    """Return how far two names are from each other; None: nobody takes one for the other."""
    if sorted(given) == sorted(known):
        return 0
    first, second = "".join(given), "".join(known)
    slips = count_slips(first, second)
    if slips <= (1 if len(second) <= SHORT else 2):
        return slips
    is_part = len(given) > 1 and set(given) < set(known)
    is_alike = SequenceMatcher(None, first, second, autojunk=False).ratio() >= ALIKE
    return 3 + len(known) if is_part or is_alike else None


def count_slips(first: str, second: str) -> int:
    """Return how many letters are missing, too many, wrong, or changed places with the next.

    >>> count_slips("rnak", "rank"), count_slips("ranks", "rank"), count_slips("a", "b")
    (1, 1, 1)
    """
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        now = [i]
        for j, other in enumerate(second, 1):
            slips = min(row[j] + 1, now[-1] + 1, row[j - 1] + (letter != other))
            swapped = i > 1 and j > 1 and (letter, first[i - 2]) == (second[j - 2], other)
            now.append(min(slips, before[j - 2] + 1) if swapped else slips)
        before, row = row, now
    return row[-1]
