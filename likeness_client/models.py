"""What a returning user has (``likeness models``), and which version of it answers (A/B by weight).

The function model_status tells; ``choose`` shares callers out between versions of one model, as the
HTTP API does for an alias.
"""

import sys
from typing import Any

from pydantic import ValidationError

from contracts.documents.hosting import ModelAnswer, ModelQuestion
from contracts.shared.pictures.assignment import choose
from likeness_client.exit_codes import ExitCode
from likeness_client.functions import call

__all__ = ["NoTenantError", "ask", "choose", "show_models"]


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
