r"""Reads the weights in a prompt as AUTOMATIC1111 and ComfyUI users write them.

``(word:1.3)`` weighs a word 1.3, ``(word)`` 1.1, ``[word]`` 1/1.1; brackets may lie in each other,
and their weights are multiplied. ``\(`` is a bracket that is meant. ``BREAK`` begins a new chunk.
``<lora:name:1>`` names a file of another tool, so it is left out and reported.

Source: the page "Features" of AUTOMATIC1111's wiki, "Attention/emphasis" and "BREAK keyword".
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.documents.package import Ignored
from serving.tensors import PictureError

ROUND, SQUARE = 1.1, 1 / 1.1
"""Weights of a pair of brackets without a number."""

MAX_WEIGHT = 10.0
"""Largest weight, in both directions; far below it a picture is noise."""

FOREIGN_FILE = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*>", re.IGNORECASE)

CHUNK = re.compile(r"\s*\bBREAK\b\s*")

PIECE = re.compile(
    r"\\(?P<meant>[\\()\[\]])"
    r"|(?P<opening>[(\[])"
    r"|:\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))\s*(?P<weighing>[)\]])"
    r"|(?P<closing>[)\]])"
    r"|(?P<text>[^\\()\[\]:|]+|.)",
    re.DOTALL,
)
OPENED_BY = {")": "(", "]": "["}

UNSUPPORTED = (
    r"prompt: [from:to:when] and [one|other] are not supported; write \[ for a bracket,"
    " or prompt_weights false to have brackets read as text"
)


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


@dataclass
class Bracket:
    """An opened bracket, and what has been read since."""

    sign: str
    spans: list[Span] = field(default_factory=list)
    is_choice: bool = False
    """Whether a ``|`` stands in it."""


def literal(text: str) -> WeightedPrompt:
    """Return a prompt whose brackets are text.

    >>> literal("a (dog:2)").plain
    'a (dog:2)'
    """
    return WeightedPrompt(((Span(text, 1.0),),))


def read_weights(text: str) -> WeightedPrompt:
    r"""Return a prompt's words and weights.

    >>> read_weights("a (red:1.5) dog").parts
    ((Span(text='a ', weight=1.0), Span(text='red', weight=1.5), Span(text=' dog', weight=1.0)),)
    >>> read_weights(r"a dog \(small\)").plain
    'a dog (small)'

    Raises:
        PictureError: it asks for what changes between steps, or for a weight beyond MAX_WEIGHT.
    """
    remaining = FOREIGN_FILE.sub("", text)
    ignored: tuple[Ignored, ...] = ("lora_tag",) if remaining != text else ()
    parts = tuple(read_part(part) for part in CHUNK.split(remaining))
    return WeightedPrompt(parts, ignored)


def read_part(text: str) -> tuple[Span, ...]:
    """Return the spans of a text without BREAK."""
    brackets = [Bracket("")]
    for found in PIECE.finditer(text):
        read_piece(found, brackets)
    while len(brackets) > 1:  # never closed: as if it were at the end of the text
        close(brackets, ROUND if brackets[-1].sign == "(" else SQUARE)
    if any(abs(span.weight) > MAX_WEIGHT for span in brackets[0].spans):
        message = f"prompt: a weight is beyond {MAX_WEIGHT:g}"
        raise PictureError("invalid_argument", message)
    return join(brackets[0].spans)


def read_piece(found: re.Match[str], brackets: list[Bracket]) -> None:
    """Take one piece of a text in."""
    innermost = brackets[-1]
    sign = found["closing"] or found["weighing"]
    if found["opening"]:
        brackets.append(Bracket(found["opening"]))
    elif sign and OPENED_BY[sign] == innermost.sign:
        if innermost.is_choice or (sign == "]" and found["number"]):
            raise PictureError("invalid_argument", UNSUPPORTED)
        usual = ROUND if sign == ")" else SQUARE
        close(brackets, float(found["number"]) if found["number"] else usual)
    else:
        innermost.is_choice |= found[0] == "|" and innermost.sign == "["
        innermost.spans.append(Span(found["meant"] or found[0], 1.0))


def close(brackets: list[Bracket], weight: float) -> None:
    """End the innermost bracket."""
    ended = brackets.pop()
    brackets[-1].spans += [Span(span.text, span.weight * weight) for span in ended.spans]


def join(spans: list[Span]) -> tuple[Span, ...]:
    """Join neighbours of one weight."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].weight == span.weight:
            joined[-1] = Span(joined[-1].text + span.text, span.weight)
        else:
            joined.append(span)
    return tuple(joined)
