"""How a picture's prompt is read from a request: the HTTP API and the endpoint have one rule."""

import unicodedata

from contracts.shared.words.prompt_weights import CONTROL_SIGN, has_control_sign

MAX_PROMPT_CHARACTERS = 2000

BOM = "\ufeff"
"""What Windows' tools write in front of a text; it is none of its words."""

NOT_UNICODE = "it has half of a character (a lone surrogate), which is no text"

_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
"""Unicode's categories of blanks, of control characters and of invisible signs for layout."""


def read_text(text: str) -> str:
    """Return a prompt without the blanks around it."""
    return text.strip().removeprefix(BOM).strip()


def shows_something(text: str) -> bool:
    r"""Return whether a text has a character that can be seen.

    >>> shows_something("a"), shows_something(" \u200b\t"), shows_something("\U0001f468\u200d")
    (True, False, True)
    """
    return any(unicodedata.category(sign) not in _UNSEEN for sign in text)


def text_problem(text: str, *, at_least: int) -> str | None:
    r"""Return why a text is no prompt; None if it is one. The answer never repeats the text.

    >>> text_problem("a dog", at_least=1), text_problem(" ", at_least=0)
    (None, None)
    >>> text_problem(" \u200b", at_least=1)
    '1 to 2000 characters'

    Args:
        text: as it was sent.
        at_least: 1 for a prompt; 0 for a negative prompt, which may be empty.
    """
    if any(unicodedata.category(sign) == "Cs" for sign in text):
        return NOT_UNICODE
    if has_control_sign(text):
        return CONTROL_SIGN
    length = len(read_text(text)) if shows_something(text) else 0
    if not at_least <= length <= MAX_PROMPT_CHARACTERS:
        return f"{at_least} to {MAX_PROMPT_CHARACTERS} characters"
    return None
