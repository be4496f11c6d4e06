"""Which prompts of a training the endpoint would refuse: they are refused before it begins.

The gate draws the request's prompts as the endpoint does, so what the endpoint does not draw cannot
be measured. AcceptRequest, ``likeness check`` and the trainer ask here.
"""

from collections.abc import Callable, Iterator
from math import ceil
from typing import NamedTuple

from contracts.base import Architecture
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.pictures.abilities import ABILITIES, syntax_of
from contracts.shared.words.chunks import CHUNK_TOKENS, chunks_problem
from contracts.shared.words.picture_texts import text_problem
from contracts.shared.words.prompt_weights import (
    READERS,
    PromptError,
    WeightedPrompt,
)
from contracts.shared.words.prompts import name_subject
from contracts.shared.words.triggers import composed


class PromptReader(NamedTuple):
    """What is known of a base's tokenizer."""

    count: Callable[[str], int]
    """Returns the number of a text's tokens; of CLIP without its own, of Z-Image with the chat's.
    """
    chunk_tokens: int = CHUNK_TOKENS
    """Tokens of a text in one of CLIP's chunks."""


def count_bytes(text: str) -> int:
    """Return a number of tokens that no tokenizer of bytes exceeds.

    >>> count_bytes("a dog"), count_bytes("\u5c0f")
    (5, 3)
    """
    plain = composed(text)
    return max(len(form.encode()) for form in (plain, plain.lower()))


UPPER_BOUND = PromptReader(count_bytes, 32)
"""No base needs more tokens or more chunks than this says."""

LOWER_BOUND = PromptReader(lambda _: 0)
"""No base needs fewer."""


def unfit_prompts(
    request: TrainingRequest, family: Architecture, reader: PromptReader
) -> dict[str, str]:
    """Return the fields whose prompts the endpoint would refuse, each with the reason.

    Args:
        request: its prompts name the subject by a placeholder or by the trigger word.
        family: the base's.
        reader: the base's, UPPER_BOUND or LOWER_BOUND.
    """
    found = {name: prompt_problem(text, family, reader) for name, text in prompts_of(request)}
    return {name: problem for name, problem in found.items() if problem is not None}


def prompts_of(request: TrainingRequest) -> Iterator[tuple[str, str]]:
    """Yield the name and text of every prompt that the gate draws, with the trigger words."""
    for number, one in enumerate(request.of_each()):
        own = f"subjects.{number}." if request.subjects else ""
        yield f"{own}instance_prompt", name_subject(one.instance_prompt, one.trigger_word)
        yield f"{own}class_prompt", one.class_prompt
    for number, text in enumerate(request.sample_prompts):
        yield f"sample_prompts.{number}", name_subject(text, request.trigger_word)


def prompt_problem(text: str, family: Architecture, reader: PromptReader) -> str | None:
    """Return why the bases of a family cannot draw a prompt; None if they can."""
    problem = text_problem(text, at_least=1)
    if problem is not None:
        return problem
    try:
        prompt = READERS[syntax_of(family)](text)
    except PromptError as error:
        return str(error)
    most = ABILITIES[family].max_tokens
    if most is not None:
        too_long = reader.count(prompt.words) > most
        return f"at most {most} tokens on this base" if too_long else None
    return chunks_problem(chunks_of(prompt, reader), reader.chunk_tokens)


def chunks_of(prompt: WeightedPrompt, reader: PromptReader) -> int:
    """Return how many of CLIP's chunks a prompt needs."""
    tokens = (sum(reader.count(span.text) for span in part) for part in prompt.parts)
    return sum(max(1, ceil(number / reader.chunk_tokens)) for number in tokens)
