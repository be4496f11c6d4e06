"""The front of the HTTP API: routes, who calls, and how every error is worded.

A router file of routes/ gets its caller from ``caller``: there is no other way to learn a tenant.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.utilities.typing import LambdaContext

from contracts.documents.api.problem import FieldProblem
from domain.callers.calling import RefusedCallerError, caller_from
from http_api.problems import ApiError, response
from http_api.routes import ROUTERS
from http_api.services import Services

logger = Logger()


class Front:
    """The resolver with all routes."""

    def __init__(self) -> None:
        self.resolver = APIGatewayHttpResolver(enable_validation=True)
        for router in ROUTERS:
            self.resolver.include_router(router)
        self._word_errors()

    def answer(self, event: dict[str, Any], services: Services) -> dict[str, Any]:
        """Return the response to one request."""
        authorizer = event.get("requestContext", {}).get("authorizer", {}).get("lambda", {})
        remember: Any = self.resolver.append_context  # Powertools gives it no types
        remember(services=services, authorizer=authorizer)
        answer = self.resolver.resolve(event, LambdaContext())
        answer["headers"] = {"Cache-Control": "no-store"} | answer.get("headers", {})
        return answer

    def _word_errors(self) -> None:
        """Answer every error in our words; Powertools looks for an exception's own class first."""
        on: Any = self.resolver.exception_handler  # Powertools gives it no types
        on(ApiError)(lambda error: response(error, self._request_id()))
        on(RefusedCallerError)(lambda error: response(ApiError(error.code), self._request_id()))
        on(RequestValidationError)(self._invalid)
        on(NotFoundError)(lambda _error: self._to_a_caller(ApiError("not_found")))
        on(Exception)(self._crashed)

    def _invalid(self, error: RequestValidationError) -> Response[str]:
        return self._to_a_caller(ApiError("invalid_call", errors=_fields(error)))

    def _crashed(self, error: Exception) -> Response[str]:
        name = type(error).__name__
        logger.error("route failed", expected=False, error=name)  # no user text
        return response(ApiError("internal_error"), self._request_id())

    def _to_a_caller(self, error: ApiError) -> Response[str]:
        """Return the error, or 401 to somebody whom we do not know: nobody probes the routes."""
        try:
            caller_from(self.resolver.context["authorizer"])
        except RefusedCallerError as refusal:
            error = ApiError(refusal.code)
        return response(error, self._request_id())

    def _request_id(self) -> str:
        return self.resolver.current_event.request_context.request_id


def _fields(error: RequestValidationError) -> list[FieldProblem]:
    """Return which fields are wrong, without what the caller has written."""
    return [
        FieldProblem(field=".".join(map(str, found["loc"]))[:200], message=_message(found))
        for found in error.errors()
    ]


def _message(found: dict[str, Any]) -> str:
    """Return a problem in words; pydantic's own texts of a value error may quote the input."""
    kind = str(found.get("type", ""))
    return str(found.get("msg", kind)) if kind != "value_error" else "is not valid"


def make_app() -> Front:
    """Return the API with all its routes."""
    return Front()
