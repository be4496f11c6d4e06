"""From the Authorization header to a caller, and from a caller to what it may do."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, get_args

from contracts.documents.api.callers import AuthorizerContext, Caller, Refusal, Scope
from domain.callers import keys as api_keys
from domain.callers.jwt import FindKey, Issuer, caller_of_jwt
from domain.ports.api_keys import ApiKeys

SCHEME = "bearer"


class Doors(NamedTuple):
    """What credentials are checked against."""

    keys: ApiKeys
    issuer: Issuer
    jwt_key: FindKey


class RefusedCallerError(Exception):
    """The credential is no caller; ``code`` says why."""

    def __init__(self, code: Refusal) -> None:
        super().__init__(code)
        self.code: Refusal = code


def identify(headers: Mapping[str, str], doors: Doors, now: datetime) -> AuthorizerContext:
    """Return who the Authorization header belongs to, or the reason why it is refused."""
    token = _token(headers.get("authorization", ""))
    if token.startswith(api_keys.PREFIX):
        found = api_keys.caller_of_key(token, doors.keys, now)
    else:
        found = caller_of_jwt(token, doors.issuer, doors.jwt_key, now)
    if not isinstance(found, Caller):
        return AuthorizerContext(refusal=found)
    return AuthorizerContext(
        tenant=found.tenant,
        subject=found.subject,
        scopes=",".join(found.scopes),
        mode=found.mode,
    )


def caller_from(context: Mapping[str, str]) -> Caller:
    """Return the caller that the authorizer has found.

    Raises:
        RefusedCallerError: the authorizer found none.
    """
    known: dict[str, Scope] = {scope: scope for scope in get_args(Scope)}
    given = AuthorizerContext.model_validate({**context})
    if given.refusal or not given.tenant:
        raise RefusedCallerError(given.refusal or "unauthorized")
    return Caller(
        tenant=given.tenant,
        subject=given.subject,
        scopes=tuple(known[name] for name in given.scopes.split(",") if name in known),
        mode="mock" if given.mode == "mock" else "live",
    )


def _token(header: str) -> str:
    """Return the token of ``Bearer TOKEN``; a bare token is one too."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == SCHEME else header.strip()
