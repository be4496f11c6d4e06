"""How a prompt names the subject: one rule for intake, trainer, notices, server and client.

A prompt names the subject by a placeholder or by the adapter's trigger word:

``<<TOK>>`` and ``[trigger]``   in any case and in any place: the brackets say where they end.
``<s0><s1>``                    a run of numbered tokens of diffusers' scripts is one subject.
``TOK``                         in capitals and as a word of its own: ``TOKYO`` and ``tok`` stay.

Each placeholder becomes the trigger word. A space is put between the trigger word and a letter that
would touch it, because ``skss`` is another word than ``sks`` for a text encoder. So a prompt with a
placeholder always names the subject afterwards; docs/decisions/0018.

Letters of scripts without spaces between words, such as Chinese, Japanese and Thai, and of Korean,
do not count as a part of a word here.
"""

import re
import unicodedata
from functools import lru_cache

from contracts.shared.words.triggers import composed, is_trigger_word

DEFAULT_TRIGGER_WORD = "sks"

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff"  # Thai, Lao, Burmese, Jamo, Khmer
    "\u3040-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U00020000-\U0003ffff"
)
_MARKS = "".join(c for c in map(chr, range(0x300, 0x1F000)) if unicodedata.category(c)[0] == "M")
_LETTER = rf"(?:[^\W{_UNSPACED}]|(?![{_UNSPACED}])[{_MARKS}])"
"""A character that is a part of a word: letters, digits, ``_`` and marks of spaced scripts, such as
accents and the vowel signs of Devanagari, which ``\\w`` does not know."""

_BRACKETED = r"(?i:<<TOK>>|\[trigger\]|(?:<s[0-9]+>)+)"
_WORD = rf"(?<!{_LETTER})TOK(?!{_LETTER})"
PLACEHOLDER = re.compile(f"{_BRACKETED}|{_WORD}")


def name_subject(prompt: str, trigger_word: str) -> str:
    """Return the prompt with every placeholder replaced by the trigger word.

    >>> name_subject("a photo of TOK person in TOKYO", "sks")
    'a photo of sks person in TOKYO'
    >>> name_subject("<<TOK>>s and <<tok>>'s dog", "sks")
    "sks s and sks's dog"
    """
    parts = PLACEHOLDER.split(prompt)
    named = parts[0]
    for part in parts[1:]:
        named = _join(_join(named, trigger_word), part)
    return named


def has_placeholder(prompt: str) -> bool:
    """Return whether a prompt contains a placeholder for the subject."""
    return PLACEHOLDER.search(prompt) is not None


def names_subject(prompt: str, trigger_word: str) -> bool:
    """Return whether a prompt names the subject, by a placeholder or by the trigger word.

    Text encoders lower the case of all letters, so ``SKS`` is the trigger word ``sks``.

    >>> names_subject("a photo of zwx person", "sks"), names_subject("a photo of Sks", "sks")
    (False, True)
    """
    return has_placeholder(prompt) or _trigger(trigger_word).search(_plain(prompt)) is not None


def caption_for(caption: str | None, instance_prompt: str, trigger_word: str) -> str:
    """Return the caption that a photo is trained with.

    The instance prompt is put before a caption that does not name the subject, and replaces a
    missing caption.

    >>> caption_for("smiling", "a photo of TOK", "sks"), caption_for("Sks smiling", "TOK", "sks")
    ('a photo of sks, smiling', 'Sks smiling')
    """
    prompt = name_subject(instance_prompt, trigger_word)
    if caption is None:
        return prompt
    own = name_subject(caption, trigger_word)
    return own if names_subject(caption, trigger_word) else f"{prompt}, {own}"


def likely_trigger(instance_prompt: str, class_prompt: str) -> str | None:
    """Return the only word of the instance prompt that the class prompt does not have.

    It is probably meant as the trigger word. None: there is no such word, or several.

    >>> likely_trigger("a photo of zwx person", "a photo of a person")
    'zwx'
    >>> likely_trigger("two tall men", "a photo of a person") is None
    True
    """
    known = {word.casefold() for word in _words(class_prompt)} | _EVERYDAY
    apart = {word.casefold(): word for word in _words(instance_prompt)}
    found = [word for plain, word in apart.items() if plain not in known]
    return found[0] if len(found) == 1 and is_trigger_word(found[0]) else None


_EVERYDAY = frozenset({"a", "an", "the", "of", "in", "photo", "picture", "image", "style"})


def _words(prompt: str) -> list[str]:
    return re.findall(rf"(?:\w|[{_MARKS}])+", composed(prompt))


def _join(first: str, second: str) -> str:
    """Return both texts, with a space if their letters would join to one word."""
    touching = re.search(rf"{_LETTER}\Z", first) and re.match(_LETTER, second)
    return f"{first} {second}" if touching else first + second


@lru_cache(maxsize=256)
def _trigger(trigger_word: str) -> re.Pattern[str]:
    """Return a pattern that finds the trigger word, as a separate word, in a plain prompt."""
    plain = _plain(trigger_word)
    words = r"\s+".join(re.escape(part) for part in plain.split())
    before = f"(?<!{_LETTER})" if re.match(_LETTER, plain) else ""
    after = f"(?!{_LETTER})" if re.search(rf"{_LETTER}\Z", plain) else ""
    return re.compile(before + words + after)


def _plain(text: str) -> str:
    """Return the text as text encoders read it: composed accents, lower case."""
    return composed(text).casefold()
