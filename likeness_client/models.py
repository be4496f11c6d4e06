"""What a returning user has (``likeness models``), and which version of it answers (A/B by weight).

The function model_status tells; ``choose`` shares callers out between versions of one model.
"""

import json
import sys
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import boto3

from contracts.documents.hosting import ModelAnswer, ModelQuestion

_WHOLE = 2**64


class ModelStatusError(Exception):
    """The function model_status failed; its log says why."""


def ask(
    function: str,
    question: ModelQuestion,
    session: Any = boto3,  # noqa: ANN401 (boto3 ships no types)
) -> ModelAnswer:
    """Return a tenant's models, the newest first, and whether the endpoint runs.

    Raises:
        ModelStatusError: the function failed.
    """
    answer = session.client("lambda").invoke(
        FunctionName=function, Payload=question.model_dump_json().encode()
    )
    body = answer["Payload"].read()
    if "FunctionError" in answer:
        raise ModelStatusError(json.loads(body).get("errorType", "unknown"))
    return ModelAnswer.model_validate_json(body)


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
    """Print the endpoint's state and one line for each model."""
    try:
        answer = ask(function, ModelQuestion(tenant=tenant, wake=wake))
    except ModelStatusError as error:
        sys.stderr.write(f"likeness: {function} failed: {error}\n")
        return 1
    sys.stdout.write(f"endpoint {answer.endpoint}\n")
    for model in answer.models:
        sys.stdout.write(f"{model.target_model}  {model.trigger_word}  {model.created_at}\n")
    return 0
