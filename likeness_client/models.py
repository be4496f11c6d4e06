"""What a returning user has (``likeness models``), and which version of it answers (A/B by weight).

The function model_status tells; ``choose`` shares callers out between versions of one model.
"""

import sys
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from contracts.documents.hosting import ModelAnswer, ModelQuestion
from likeness_client.exit_codes import ExitCode
from likeness_client.functions import call

_WHOLE = 2**64


class NoTenantError(Exception):
    """What was named is no tenant."""


def ask(
    function: str,
    question: ModelQuestion,
    session: Any = None,  # noqa: ANN401 (boto3 ships no types)
) -> ModelAnswer:
    """Return a tenant's models, the newest first, and whether the endpoint runs.

    Raises:
        FunctionFailedError: the function failed.
    """
    return call(function, question, ModelAnswer, session)


def choose(weights: Mapping[str, float], key: str) -> str:
    """Return the target model that serves this caller: the same one for the same key, always.

    Args:
        weights: target models and their shares; they need not add up to 1. A caller moves only as
            far as the shares move.
        key: who calls, or what for: a user's opaque id, for one.

    >>> choose({"old.tar.gz": 0.9, "new.tar.gz": 0.1}, "user-17")
    'old.tar.gz'
    >>> choose({"old.tar.gz": 0, "new.tar.gz": 1}, "user-17")
    'new.tar.gz'

    Raises:
        ValueError: there is no model, a weight below zero, or none above it.
    """
    total = sum(weights.values())
    if total <= 0 or min(weights.values()) < 0:
        raise ValueError("weights must not be negative, and one must be above zero")
    at = int.from_bytes(sha256(key.encode()).digest()[:8], "big") / _WHOLE * total
    for model in sorted(weights):
        at -= weights[model]
        if at < 0:
            return model
    return max(model for model in weights if weights[model] > 0)


def show_models(function: str, tenant: str, *, wake: bool) -> int:
    """Print the endpoint's state and one line for each model.

    Raises:
        NoTenantError: no tenant can have this name.
        FunctionFailedError: the function failed.
    """
    try:
        question = ModelQuestion(tenant=tenant, wake=wake)
    except ValidationError:
        rule = "letters, digits, - and _, at most 64, the first a letter or a digit"
        raise NoTenantError(f"{tenant!r} is no tenant: {rule}") from None
    answer = ask(function, question)
    sys.stdout.write(f"endpoint {answer.endpoint}\n")
    for model in answer.models:
        sys.stdout.write(f"{model.target_model}  {model.trigger_word}  {model.created_at}\n")
    return ExitCode.DONE
