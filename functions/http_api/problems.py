"""Errors of the HTTP API, in one shape: problem+json with a code of docs/codes.md."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from contracts.codes import CODES
from contracts.documents.api.problem import PROBLEM_TYPE, FieldProblem, Problem

STATUS: dict[str, HTTPStatus] = {
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "key_expired": HTTPStatus.UNAUTHORIZED,
    "tenant_missing": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "invalid_call": HTTPStatus.UNPROCESSABLE_ENTITY,
    "key_has_ended": HTTPStatus.CONFLICT,
    "person_known": HTTPStatus.CONFLICT,
    "no_user_pool": HTTPStatus.CONFLICT,
    "no_hub": HTTPStatus.CONFLICT,
    **dict.fromkeys(
        ("consent_missing", "consent_not_enough", "consent_expired"),
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
    "already_started": HTTPStatus.CONFLICT,
    "request_in_progress": HTTPStatus.CONFLICT,
    "idempotency_mismatch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_trainings": HTTPStatus.TOO_MANY_REQUESTS,
    "monthly_budget_spent": HTTPStatus.TOO_MANY_REQUESTS,
    "model_not_approved": HTTPStatus.CONFLICT,
    "webhook_address_refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_webhooks": HTTPStatus.CONFLICT,
    "model_disabled": HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS,
    "not_disabled": HTTPStatus.CONFLICT,
    "no_marked_model": HTTPStatus.CONFLICT,
    "already_decided": HTTPStatus.CONFLICT,
    "internal_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "invalid_argument": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unsafe_picture": HTTPStatus.UNPROCESSABLE_ENTITY,
    "prompt_refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "picture_too_slow": HTTPStatus.UNPROCESSABLE_ENTITY,
    "picture_degenerate": HTTPStatus.UNPROCESSABLE_ENTITY,
    "over_budget": HTTPStatus.UNPROCESSABLE_ENTITY,
    "answer_too_large": HTTPStatus.UNPROCESSABLE_ENTITY,
    "picture_not_in_time": HTTPStatus.SERVICE_UNAVAILABLE,
    "erased": HTTPStatus.GONE,
    "canceled": HTTPStatus.GONE,
    **dict.fromkeys(
        (
            "endpoint_missing",
            "warm_up_failed",
            "adapter_invalid",
            "cancelled",
            "other_tenant",
            "text_not_released",
            "wrong_base",
            "generation_failed",
            "picture_overflow",
        ),
        HTTPStatus.BAD_GATEWAY,
    ),
}
"""HTTP status of every code with which the API itself answers."""


MAX_NAMED = 5
"""Fields that the one text of a problem names."""


class ApiError(Exception):
    """A request ends with this code."""

    def __init__(
        self,
        code: str,
        *,
        errors: Iterable[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        refusal_id: str | None = None,
    ) -> None:
        super().__init__(code)
        self.refusal_id = refusal_id
        self.code = code
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def problem(error: ApiError, request_id: str) -> Problem:
    """Return the error as callers get it."""
    entry = CODES[error.code]
    fields = (f"{one.field}: {one.message}." for one in error.errors[:MAX_NAMED])
    return Problem(
        type=f"urn:likeness:code:{error.code}",
        title=entry.title,
        status=STATUS[error.code],
        detail=entry.text,
        code=error.code,
        hint=entry.hint,
        retryable=entry.retryable,
        request_id=request_id,
        errors=error.errors,
        message=" ".join([entry.text, *fields, entry.hint]),
        refusal_id=error.refusal_id,
    )


def response(error: ApiError, request_id: str) -> Response[str]:
    """Return the HTTP response of an error."""
    found = problem(error, request_id)
    headers: dict[str, Any] = {"Cache-Control": "no-store", **error.headers}
    if found.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        status_code=found.status,
        content_type=PROBLEM_TYPE,
        body=found.model_dump_json(),
        headers=headers,
    )
