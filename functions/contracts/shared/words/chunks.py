"""Splits a prompt into the chunks in which CLIP reads it; trainer and server encode these.

CLIP reads 77 tokens, of which the first and the last are its own. A longer text is split after each
75 tokens, and each chunk is encoded as a text of its own, as AUTOMATIC1111 does (but chunks are not
moved to a comma).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from contracts.shared.limits import MAX_PROMPT_CHUNKS
from contracts.shared.words.prompt_weights import WeightedPrompt

CHUNK_TOKENS, OWN_TOKENS = 75, 2
"""Tokens of a text in one of CLIP's chunks, and CLIP's own around them."""

MIN_MEAN, MAX_SCALE = 0.01, 2.0
"""Smallest mean of a chunk's embeddings, as a share of their size, that is restored, and the
largest factor by which it is, in both directions.

AUTOMATIC1111 divides by any mean. Near 0 it is a mean of rounding errors, and SDXL's pictures break
(its pull request 14874)."""


class Token(NamedTuple):
    """A token of a text."""

    id: int
    weight: float


Chunks = list[list[Token]]
"""Tokens of a text by chunk, without CLIP's own ones."""


class ClipTokens(NamedTuple):
    """What one of CLIP's tokenizers does."""

    tokenize: Callable[[str], Sequence[int]]
    """Returns the ids of a text, without CLIP's own."""
    first: int
    """Id before each chunk."""
    last: int
    """Id behind the text of each chunk."""
    padding: int
    """Id that fills a chunk up."""
    length: int = CHUNK_TOKENS + OWN_TOKENS
    """Tokens of a chunk, with CLIP's own."""

    @property
    def text_length(self) -> int:
        """Tokens of a text in a chunk."""
        return self.length - OWN_TOKENS

    @classmethod
    def of(cls, tokenizer: Any) -> "ClipTokens":  # noqa: ANN401 (transformers is not known here)
        """Return what a tokenizer of transformers does."""
        return cls(
            lambda text: tokenizer(text, add_special_tokens=False).input_ids,
            tokenizer.bos_token_id,
            tokenizer.eos_token_id,
            tokenizer.pad_token_id,
            tokenizer.model_max_length,
        )


def split(prompt: WeightedPrompt, clip: ClipTokens) -> Chunks:
    """Split a prompt's tokens into chunks; an empty prompt is one empty chunk."""
    size, chunks = clip.text_length, Chunks()
    for part in prompt.parts:
        tokens = [Token(id_, span.weight) for span in part for id_ in clip.tokenize(span.text)]
        chunks += [tokens[start : start + size] for start in range(0, len(tokens), size)] or [[]]
    return chunks


def count_chunks(clip: ClipTokens, *prompts: WeightedPrompt) -> int:
    """Return how many chunks the longest prompt needs, at least 1."""
    return max(len(split(prompt, clip)) for prompt in prompts)


def chunks_problem(chunks: int, chunk_tokens: int) -> str | None:
    """Return why a prompt of so many chunks is too long; None if it is not.

    >>> chunks_problem(8, 46), chunks_problem(9, 46)
    (None, "at most 8 of CLIP's chunks, of 46 tokens each; BREAK begins one")

    Args:
        chunks: of the prompt.
        chunk_tokens: tokens of a text in one of them, which each base's tokenizer says.
    """
    if chunks <= MAX_PROMPT_CHUNKS:
        return None
    most = f"at most {MAX_PROMPT_CHUNKS} of CLIP's chunks, of {chunk_tokens} tokens each"
    return f"{most}; BREAK begins one"


def make_chunks(
    prompts: Sequence[WeightedPrompt], clip: ClipTokens, chunks: int
) -> list[list[list[Token]]]:
    """Return each chunk's rows of tokens, with CLIP's own; shorter prompts get empty chunks.

    Args:
        prompts: a row each.
        clip: the tokenizer.
        chunks: of the longest prompt.
    """
    rows = [split(prompt, clip) for prompt in prompts]
    padded = [row + [[]] * (chunks - len(row)) for row in rows]
    return [[frame(row[index], clip) for row in padded] for index in range(chunks)]


def frame(tokens: list[Token], clip: ClipTokens) -> list[Token]:
    """Return one chunk as the tokenizer returns a text of these tokens."""
    framed = [Token(clip.first, 1.0), *tokens, Token(clip.last, 1.0)]
    return framed + [Token(clip.padding, 1.0)] * (clip.length - len(framed))


def scale_of(before: float, after: float, size: float) -> float:
    """Return the factor that gives weighted embeddings the mean that they had; 1: they keep theirs.

    >>> scale_of(-0.1, -0.125, 0.8), scale_of(1e-9, -3e-4, 0.8), scale_of(-0.1, 0.001, 0.8)
    (0.8, 1.0, 1.0)

    Args:
        before: mean of a chunk's embeddings.
        after: the same with weights.
        size: mean of their absolute values, without weights.
    """
    if not after or not abs(before) >= MIN_MEAN * size:
        return 1.0
    scale = before / after
    return scale if 1 / MAX_SCALE <= scale <= MAX_SCALE else 1.0
