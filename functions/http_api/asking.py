"""What every route asks first: who calls, with which scope, and with which stores."""

from typing import Any, TypeVar

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from contracts.documents.api.callers import Caller, Scope
from domain.callers.calling import caller_from
from http_api.problems import ApiError
from http_api.services import Services

T = TypeVar("T")


def new_router() -> APIGatewayHttpRouter:
    """Return a router for the routes of one resource."""
    made: Any = APIGatewayHttpRouter  # Powertools gives its constructor no types
    router: APIGatewayHttpRouter = made()
    return router


def caller(router: APIGatewayHttpRouter, scope: Scope) -> Caller:
    """Return who calls.

    Raises:
        RefusedCallerError: nobody whom we know.
        ApiError: the caller lacks the scope.
    """
    found = known_caller(router)
    if scope not in found.scopes:
        raise ApiError("forbidden")
    return found


def known_caller(router: APIGatewayHttpRouter) -> Caller:
    """Return who calls, whatever the scopes.

    Raises:
        RefusedCallerError: nobody whom we know.
    """
    return caller_from(router.context["authorizer"])


def services(router: APIGatewayHttpRouter) -> Services:
    """Return the stores of this request."""
    found: Services = router.context["services"]
    return found


def existing(found: T | None) -> T:
    """Return what a store has found.

    Raises:
        ApiError: it has found nothing.
    """
    if found is None:
        raise ApiError("not_found")
    return found


def touch(router: APIGatewayHttpRouter, **ids: str | None) -> None:
    """Name what a request has done something to, for the audit trail: a kind and an id each.

    Ids in the address, and the ``id`` of the answer, are named without this.
    """
    router.context["touched"] += [(kind, one) for kind, one in ids.items() if one is not None]
