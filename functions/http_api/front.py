"""The front of the HTTP API: routes, who calls, and how every error is worded.

A router file of routes/ gets its caller from ``caller``: there is no other way to learn a tenant.
"""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from contracts.documents.api.callers import Caller
from contracts.documents.api.problem import PROBLEM_TYPE, FieldProblem
from contracts.documents.erasure import ErasureSubject
from domain.callers.calling import RefusedCallerError, caller_from
from domain.ports.hub import NoHubError
from domain.ports.people import NoUserPoolError
from domain.requests.request_json import RequestRefusedError, each_once
from http_api.aws_callers import PREFIX, signed_caller, without_prefix
from http_api.idempotency import Answer, once
from http_api.mock import HEADER as MOCK_HEADER
from http_api.mock import mocked
from http_api.problems import STATUS, ApiError, response
from http_api.rates import MINUTE_SECONDS, spend
from http_api.recording import write_down
from http_api.routes import ROUTERS
from http_api.services import Services

logger = Logger()
MOCK_WRITES = re.compile(
    r"/v1/(uploads(/.*)?|models(/[^/]+(/pictures|:push))?|pictures/.*|images/.*|jobs/.*|members)"
)
"""What a mock key may write to, because its stores for it are made up."""
STORING_NOTHING = frozenset({"GET", "DELETE"})
"""Methods that an erased tenant keeps: DELETE returns the receipt of what is erased already."""

OPEN = frozenset(
    {
        "GET /v1/openapi.json",
        "POST /v1/takedowns",
        "GET /v1/takedowns/{case_id}",
        "POST /v1/verifications",
    }
)
"""Doors for everybody; template.yaml has a route without an authorizer for each."""

PREFLIGHT = "OPTIONS"
"""A browser's question whether a page may call; API Gateway adds the answer's headers."""


class Front:
    """The resolver with all routes."""

    def __init__(self) -> None:
        self.resolver = APIGatewayHttpResolver(enable_validation=True)
        for router in ROUTERS:
            self.resolver.include_router(router)
        self._word_errors()

    def answer(self, event: dict[str, Any], services: Services) -> dict[str, Any]:
        """Return the response to one request."""
        if event["requestContext"]["http"]["method"] == PREFLIGHT:
            return {"statusCode": HTTPStatus.NO_CONTENT.value, "headers": {}}
        authorizer = _caller_of(event)
        event = without_prefix(event)
        remember: Any = self.resolver.append_context  # Powertools gives it no types
        source = event["requestContext"]["http"].get("sourceIp", "")
        remember(services=services, authorizer=authorizer, source=source, touched=[])
        answer = self._checked(event, services, authorizer)
        answer["headers"] = {"Cache-Control": "no-store"} | answer.get("headers", {})
        return answer

    def _checked(
        self, event: dict[str, Any], services: Services, authorizer: dict[str, str]
    ) -> dict[str, Any]:
        """Answer a known caller within its limits, and a repeated request as before."""
        if self.is_open(event["requestContext"]["http"]["method"], event["rawPath"]):
            return self._resolved(event)
        try:
            caller = caller_from(authorizer)
            name, most = f"requests#{caller.tenant}", services.limits.requests_per_minute
            spend(services, name, MINUTE_SECONDS, most)
            if caller.mode == "mock":
                return self._mocked(event, caller, services)
            check_not_erased(event, caller, services)
            return once(event, caller, services, lambda: self._recorded(event, caller, services))
        except RefusedCallerError as error:
            return self._refused(ApiError(error.code), event)
        except ApiError as error:
            return self._refused(error, event)

    def is_open(self, method: str, path: str) -> bool:
        """Return whether a door is for everybody."""
        return any(f"{method} {one.openapi_path}" in OPEN for one in self._routes(path))

    def _mocked(self, event: dict[str, Any], caller: Caller, services: Services) -> dict[str, Any]:
        """Answer a mock key: the error that it asks for, or what is made up.

        Keys, approvals and webhooks are real rows, so a mock key writes to made-up stores only.
        """
        wanted = event.get("headers", {}).get(MOCK_HEADER)
        if wanted in STATUS:
            raise ApiError(wanted)
        if wanted is not None:
            raise _wrong(f"header.{MOCK_HEADER}", "is no error of this API")
        writes = event["requestContext"]["http"]["method"] != "GET"
        if writes and MOCK_WRITES.fullmatch(event["rawPath"]) is None:
            raise ApiError("forbidden")
        remember: Any = self.resolver.append_context
        remember(services=mocked(services, caller.tenant))
        return self._resolved(event)

    def _recorded(self, event: dict[str, Any], caller: Caller, services: Services) -> Answer:
        """Answer a request, and write down what it did; a refused one did nothing."""
        touched: list[tuple[str, str]] = []
        remember: Any = self.resolver.append_context
        remember(touched=touched)
        answer = self._resolved(event)
        if answer["statusCode"] < HTTPStatus.BAD_REQUEST:
            method, path = event["requestContext"]["http"]["method"], event["rawPath"]
            (route,) = (one for one in self._routes(path) if one.method == method)
            ids = [*route.rule.match(path).groupdict().items(), *touched]
            write_down(services, caller, f"{method} {route.openapi_path}", ids, answer["body"])
        return answer

    def _resolved(self, event: dict[str, Any]) -> dict[str, Any]:
        known = self._methods(event["rawPath"])
        if not known:
            return self._refused(ApiError("not_found"), event)
        if event["requestContext"]["http"]["method"] not in known:
            allow = {"Allow": ", ".join(known)}
            return self._refused(ApiError("method_not_allowed", headers=allow), event)
        fault = _fault_of_body(event)
        if fault is not None:
            return self._refused(fault, event)
        answer: dict[str, Any] = self.resolver.resolve(_as_json(event), LambdaContext())
        return answer

    def _methods(self, path: str) -> list[str]:
        return sorted({route.method for route in self._routes(path)})

    def _routes(self, path: str) -> list[Any]:
        """Return the routes of an address; ``/v1/models/x:approve`` is no model's."""
        resolver: Any = self.resolver
        known = resolver._static_routes + resolver._dynamic_routes  # noqa: SLF001 - no other way
        found = [route for route in known if route.rule.match(path)]
        actions = [route for route in found if ":" in route.openapi_path]
        return actions or found

    def _refused(self, error: ApiError, event: dict[str, Any]) -> dict[str, Any]:
        """Return an error in API Gateway's form, for a request that no route has seen."""
        found = response(error, event["requestContext"]["requestId"])
        return {
            "statusCode": found.status_code,
            "body": found.body,
            "headers": {**found.headers, "Content-Type": PROBLEM_TYPE},
            "isBase64Encoded": False,
        }

    def _word_errors(self) -> None:
        """Answer every error in our words; Powertools looks for an exception's own class first."""
        on: Any = self.resolver.exception_handler  # Powertools gives it no types
        on(ApiError)(lambda error: response(error, self._request_id()))
        on(NoHubError)(lambda _error: response(ApiError("no_hub"), self._request_id()))
        on(NoUserPoolError)(lambda _error: response(ApiError("no_user_pool"), self._request_id()))
        on(RefusedCallerError)(lambda error: response(ApiError(error.code), self._request_id()))
        on(RequestValidationError)(self._invalid)
        on(RequestUnsupportedContentType)(lambda _error: response(_no_json(), self._request_id()))
        on(Exception)(self._crashed)

    def _invalid(self, error: RequestValidationError) -> Response[str]:
        return response(ApiError("invalid_call", errors=_fields(error)), self._request_id())

    def _crashed(self, error: Exception) -> Response[str]:
        name = type(error).__name__
        logger.error("route failed", expected=False, error=name)  # no user text
        return response(ApiError("internal_error"), self._request_id())

    def _request_id(self) -> str:
        return self.resolver.current_event.request_context.request_id


def check_not_erased(event: Mapping[str, Any], caller: Caller, services: Services) -> None:
    """Let nothing begin for a tenant that was erased; its people may still have tokens.

    Raises:
        ApiError: the tenant was erased, or is being erased.
    """
    if event["requestContext"]["http"]["method"] in STORING_NOTHING:
        return
    if services.tombstones.is_erased(ErasureSubject(tenant=caller.tenant)):
        raise ApiError("erased")


def _caller_of(event: dict[str, Any]) -> dict[str, str]:
    """Return what is known of the caller: by ``authorize``, or by a signature that IAM checked."""
    if event.get("rawPath", "").startswith(PREFIX):
        return signed_caller(event)
    found: dict[str, str] = (event["requestContext"].get("authorizer") or {}).get("lambda", {})
    return found


def _is_json(event: dict[str, Any]) -> bool:
    """Return whether a body says that it is JSON; a body without a type is read as JSON."""
    kind = event.get("headers", {}).get("content-type", "application/json").partition(";")[0]
    return not event.get("body") or kind.strip().lower() == "application/json"


def _is_text(event: dict[str, Any]) -> bool:
    """Return whether the body is text in UTF-8; API Gateway sends other bytes in base64."""
    body = event.get("body") or ""
    try:
        (b64decode(body) if event.get("isBase64Encoded") else body.encode()).decode()
    except ValueError:
        return False
    return True


def _fault_of_body(event: dict[str, Any]) -> ApiError | None:
    """Return why a body cannot be read; what is no JSON, Powertools says more exactly."""
    if not (_is_json(event) and _is_text(event)):
        return _no_json()
    body = event.get("body") or "null"
    try:
        read = b64decode(body) if event.get("isBase64Encoded") else body
        json.loads(read, object_pairs_hook=each_once)
    except json.JSONDecodeError:
        return None
    except RequestRefusedError as error:
        return _wrong(f"body.{error.problems[0].field}", "is given twice")
    except (ValueError, RecursionError):
        return _wrong("body", "has too many levels, or too long a number")
    return None


def _no_json() -> ApiError:
    return _wrong("body", "must be application/json in UTF-8")


def _wrong(field: str, message: str) -> ApiError:
    return ApiError("invalid_call", errors=[FieldProblem(field=field, message=message)])


def _as_json(event: dict[str, Any]) -> dict[str, Any]:
    """Name the body's type as Powertools wants it: no capitals, although RFC 9110 allows them."""
    headers: dict[str, str] = event.get("headers", {})
    if not event.get("body") or "content-type" not in headers:
        return event
    return event | {"headers": headers | {"content-type": "application/json"}}


def _fields(error: RequestValidationError) -> list[FieldProblem]:
    """Return which fields are wrong, without what the caller has written."""
    return [
        FieldProblem(field=".".join(map(str, found["loc"]))[:200], message=_message(found))
        for found in error.errors()
    ]


def _message(found: dict[str, Any]) -> str:
    """Return a problem in words; texts of a value error may quote the input.

    Those of a training's request are ours, quote nothing, and are the same as at the S3 door.
    """
    kind = str(found.get("type", ""))
    words = str(found.get("msg", kind)).removeprefix("Value error, ")
    of_request = tuple(found["loc"][:2]) == ("body", "request")
    return words[:300] if kind != "value_error" or of_request else "is not valid"


@cache
def make_app() -> Front:
    """Return the API with all its routes; one in a process, because a router has one resolver."""
    return Front()
