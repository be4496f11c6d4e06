r"""Reads the weights in a prompt as AUTOMATIC1111 and ComfyUI users write them.

``(word:1.3)`` weighs a word 1.3, ``(word)`` 1.1, ``[word]`` 1/1.1; brackets may be nested,
and their weights are multiplied. ``\(`` is a bracket that is meant. ``BREAK`` begins a new chunk.
``<lora:name:1>`` names a file of another tool, so it is left out and reported.

Source: the page "Features" of AUTOMATIC1111's wiki, "Attention/emphasis" and "BREAK keyword".
"""

import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from contracts.documents.package import Ignored

Syntax = Literal["weights", "tags", "literal"]
"""How a prompt is read: with weights; as text without other tools' tags; as it stands."""

ROUND, SQUARE = 1.1, 1 / 1.1
"""Weights of a pair of brackets without a number."""

MAX_WEIGHT = 10.0
"""Largest weight, in both directions; far below it a picture is noise."""

FOREIGN_FILE = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*>", re.IGNORECASE)

BOTH = re.compile(r"\bAND\b")

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
"""Also ``1e9``: the web UI takes that for a word, but nobody means it to be drawn."""

WEIGHED = re.compile(rf"\([^()]*:\s*{NUMBER}\s*\)")

PIECE = re.compile(
    r"\\(?P<meant>[\\()\[\]])"
    r"|(?P<opening>[(\[])"
    rf"|:\s*(?P<number>{NUMBER})\s*(?P<weighing>[)\]])"
    r"|(?P<closing>[)\]])"
    r"|(?P<part>\s*\bBREAK\b\s*)"
    r"|(?P<text>(?:\s++(?!BREAK\b)|(?!\bBREAK\b)[^\\()\[\]:|\s])+|.)",  # reads a blank once
    re.DOTALL,
)
OPENED_BY = {")": "(", "]": "["}

UNSUPPORTED = r"[from:to:when] and [one|other] are not supported; write \[ for a bracket"


CONTROL_SIGN = "it has a control character, such as NUL; leave it out"


class PromptError(ValueError):
    """A prompt asks for what nobody here draws. The text never repeats the prompt."""


class Span(NamedTuple):
    """Text of one weight."""

    text: str
    weight: float


@dataclass(frozen=True)
class WeightedPrompt:
    """A prompt in words and weights."""

    parts: tuple[tuple[Span, ...], ...]
    """The spans of each part; ``BREAK`` parts them. An empty prompt is one part without spans."""
    ignored: tuple[Ignored, ...] = ()
    """What was left out, by its kind."""

    @property
    def plain(self) -> str | None:
        """The text, if it is one part of weight 1."""
        if len(self.parts) > 1 or any(span.weight != 1 for span in self.parts[0]):
            return None
        return "".join(span.text for span in self.parts[0])

    @property
    def words(self) -> str:
        """The text without brackets, weights and tags."""
        return " ".join("".join(span.text for span in part) for part in self.parts)


def has_control_sign(text: str) -> bool:
    r"""Return whether a text has a control character, such as NUL, which is no blank.

    >>> has_control_sign("a\x00dog"), has_control_sign("a\tdog")
    (True, False)
    """
    return any(unicodedata.category(sign) == "Cc" and not sign.isspace() for sign in text)


def literal(text: str) -> WeightedPrompt:
    """Return a prompt whose brackets are text.

    >>> literal("a (dog:2)").plain
    'a (dog:2)'
    """
    return WeightedPrompt(((Span(text, 1.0),),))


def read_tags(text: str) -> WeightedPrompt:
    """Return a prompt whose brackets are text, without tags that name files of other tools.

    >>> prompt = read_tags("a (red:1.5) dog<lora:me:1>")
    >>> prompt.plain, prompt.ignored
    ('a (red:1.5) dog', ('lora_tag', 'weights'))
    """
    remaining = FOREIGN_FILE.sub("", text)
    found: tuple[Ignored, ...] = ("lora_tag",) if remaining != text else ()
    if WEIGHED.search(remaining):
        found += ("weights",)
    return replace(literal(remaining), ignored=found)


def read_weights(text: str) -> WeightedPrompt:
    r"""Return a prompt's words and weights.

    >>> read_weights("a (red:1.5) dog").parts
    ((Span(text='a ', weight=1.0), Span(text='red', weight=1.5), Span(text=' dog', weight=1.0)),)
    >>> read_weights(r"a dog \(small\)").plain
    'a dog (small)'

    Raises:
        PromptError: it asks for what changes between steps, or for a weight beyond MAX_WEIGHT.
    """
    remaining = FOREIGN_FILE.sub("", text)
    found: tuple[Ignored, ...] = ("lora_tag",) if remaining != text else ()
    if BOTH.search(remaining):
        found += ("and_keyword",)
    reader = Reader()
    for piece in PIECE.finditer(remaining):
        reader.read(piece)
    return WeightedPrompt(reader.finish(), found)


class Reader:
    """Reads the pieces of a prompt, as AUTOMATIC1111 does: brackets of both kinds may overlap."""

    def __init__(self) -> None:
        self.texts: list[str | None] = []
        """What was read; None is a ``BREAK``."""
        self.weights: list[float] = []
        """The weight of each of ``texts``."""
        self.opened: dict[str, list[int]] = {"(": [], "[": []}
        """For each sign, where in ``texts`` the brackets begin that are open."""
        self.is_choice = False
        """Whether a ``|`` stands in an open square bracket."""

    def read(self, found: re.Match[str]) -> None:
        """Take one piece in.

        Raises:
            PromptError: a square bracket asks for what changes between steps.
        """
        sign = found["closing"] or found["weighing"]
        if found["opening"]:
            self.opened[found["opening"]].append(len(self.texts))
        elif found["part"]:
            self.add(None)
        elif sign and self.opened[OPENED_BY[sign]]:
            if sign == "]" and (self.is_choice or found["number"]):
                raise PromptError(UNSUPPORTED)
            usual = ROUND if sign == ")" else SQUARE
            self.close(OPENED_BY[sign], float(found["number"]) if found["number"] else usual)
        else:
            self.is_choice |= found[0] == "|" and bool(self.opened["["])
            self.add(found["meant"] or found[0])

    def add(self, text: str | None) -> None:
        """Take a text in, or a ``BREAK``."""
        self.texts.append(text)
        self.weights.append(1.0)

    def close(self, sign: str, weight: float) -> None:
        """End the innermost bracket of a kind: all since its beginning is weighed."""
        for index in range(self.opened[sign].pop(), len(self.weights)):
            self.weights[index] *= weight

    def finish(self) -> tuple[tuple[Span, ...], ...]:
        """Return the spans of each part; brackets that were never closed end with the text.

        Raises:
            PromptError: a weight is beyond MAX_WEIGHT.
        """
        for sign, usual in (("(", ROUND), ("[", SQUARE)):
            while self.opened[sign]:
                self.close(sign, usual)
        parts: list[list[Span]] = [[]]
        for text, weight in zip(self.texts, self.weights, strict=True):
            if text is None:
                parts.append([])
            elif abs(weight) <= MAX_WEIGHT:  # no NaN, as 0 times infinity is
                parts[-1].append(Span(text, weight))
            else:
                message = f"a weight is beyond {MAX_WEIGHT:g}"
                raise PromptError(message)
        return tuple(map(join, parts))


def join(spans: list[Span]) -> tuple[Span, ...]:
    """Join neighbours of one weight."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].weight == span.weight:
            joined[-1] = Span(joined[-1].text + span.text, span.weight)
        else:
            joined.append(span)
    return tuple(joined)


READERS: dict[Syntax, Callable[[str], WeightedPrompt]] = {
    "weights": read_weights,
    "tags": read_tags,
    "literal": literal,
}


def readings(text: str) -> set[str]:
    """Return a text as it stands and as prompts are read: brackets and tags may part its words.

    >>> sorted(readings("na<lora:me:1>ked (big:1.2) dogs"))
    ['na<lora:me:1>ked (big:1.2) dogs', 'naked (big:1.2) dogs', 'naked big dogs']
    """
    found = {text}
    for read in READERS.values():
        with suppress(PromptError):  # nobody draws it
            found.add(read(text).words)
    return found
