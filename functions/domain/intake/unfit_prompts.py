"""Prompts that the endpoint would refuse are refused with the request, before anything is paid."""

import json

from contracts.base import BaseCard
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.pictures.abilities import ABILITIES
from contracts.shared.words.chunks import CHUNK_TOKENS, OWN_TOKENS
from contracts.shared.words.prompt_limits import (
    LOWER_BOUND,
    UPPER_BOUND,
    PromptReader,
    unfit_prompts,
)
from contracts.shared.words.tokens import count_tokens
from domain.intake.trigger_words import FOLDER, ReadFile, words_of


def prompts_refused_on(request: TrainingRequest, card: BaseCard, read: ReadFile) -> dict[str, str]:
    """Return the fields whose prompts cannot be drawn with a base, each with the reason.

    The tokenizer is read only for a prompt that is too long in bytes. Where it is not one of CLIP's
    kind, as a Z-Image's, the length is the trainer's to judge: a task begins with that.

    Args:
        request: the training's.
        card: the base's.
        read: returns a file of the base.
    """
    if not unfit_prompts(request, card.family, UPPER_BOUND):
        return {}
    return unfit_prompts(request, card.family, reader_of(card, read))


def reader_of(card: BaseCard, read: ReadFile) -> PromptReader:
    """Return how the base reads prompts; LOWER_BOUND where that is not known here."""
    known = words_of(read) if ABILITIES[card.family].max_tokens is None else None
    if known is None:
        return LOWER_BOUND
    return PromptReader(lambda text: count_tokens(text, known), chunk_tokens_in(read))


def chunk_tokens_in(read: ReadFile) -> int:
    """Return the tokens of a text that the base's CLIP reads; its own 75 where no file says it."""
    try:
        settings = json.loads(read(f"{FOLDER}tokenizer_config.json") or b"{}")
        length = int(settings["model_max_length"]) - OWN_TOKENS
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return CHUNK_TOKENS
    return length if 0 < length < CHUNK_TOKENS else CHUNK_TOKENS
