"""/v1/keys and /v1/me: the tenant's API keys, and who calls."""

from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.documents.api.callers import ApiKey, Caller, Mode, Scope
from contracts.documents.api.keys import KeyList, KeyView, Me, NewKey, Rotation
from contracts.documents.api.problem import FieldProblem
from domain.callers.keys import has_ended, lifetime_of, make_key
from http_api.asking import caller, known_caller, new_router, services
from http_api.problems import ApiError
from http_api.services import Services

KeyPath = Annotated[str, Path(min_length=1, max_length=64)]

router = new_router()


@router.get("/v1/me", summary="Who calls", tags=["callers"])
def get_me() -> Me:
    """Return what the credential says."""
    who = known_caller(router)
    return Me(tenant=who.tenant, subject=who.subject, scopes=who.scopes, mode=who.mode)


@router.get("/v1/keys", summary="List API keys", tags=["callers"])
def list_keys() -> KeyList:
    """Return the tenant's keys, without their secrets."""
    tenant = caller(router, "admin").tenant
    return KeyList(data=tuple(KeyView.of(key) for key in services(router).keys.of(tenant)))


@router.post("/v1/keys", summary="Make an API key", tags=["callers"])
def create_key(body: NewKey) -> KeyView:
    """Return a new key; a key can give away only the scopes that it has."""
    who, stores = caller(router, "admin"), services(router)
    check_scopes(who, body.scopes, "body.scopes")
    lifetime = None if body.days is None else timedelta(days=body.days)
    return made(stores, who.tenant, body.name, body.scopes, mode=body.mode, lifetime=lifetime)


@router.post("/v1/keys/<key_id>:rotate", summary="Replace an API key", tags=["callers"])
def rotate_key(key_id: KeyPath, body: Rotation) -> KeyView:
    """Return a new key like the old one, which ends after the overlap.

    The new key lasts as long as the old one was to last, counted from now.
    """
    who, stores = caller(router, "admin"), services(router)
    old = own_key(stores, who.tenant, key_id)
    if has_ended(old, stores.now()):
        raise ApiError("key_has_ended")
    check_scopes(who, old.scopes, "path.key_id")
    new = made(stores, who.tenant, old.name, old.scopes, mode=old.mode, lifetime=lifetime_of(old))
    end = stores.now() + timedelta(seconds=body.overlap_seconds)
    stores.keys.end(key_id, who.tenant, end, revoked=False)
    return new


@router.delete("/v1/keys/<key_id>", summary="Revoke an API key", tags=["callers"])
def revoke_key(key_id: KeyPath) -> KeyView:
    """End a key; API Gateway forgets it within a minute."""
    who, stores = caller(router, "admin"), services(router)
    own_key(stores, who.tenant, key_id)
    stores.keys.end(key_id, who.tenant, stores.now(), revoked=True)
    return KeyView.of(own_key(stores, who.tenant, key_id))


def check_scopes(who: Caller, wanted: tuple[Scope, ...], field: str) -> None:
    """Let nobody get a key that may do more than they may.

    Raises:
        ApiError: the caller lacks one of the scopes.
    """
    missing = [scope for scope in wanted if scope not in who.scopes]
    if missing:
        words = f"you do not have the scope {', '.join(missing)}"
        raise ApiError("forbidden", errors=[FieldProblem(field=field, message=words)])


def made(  # noqa: PLR0913 - what a key is made of
    stores: Services,
    tenant: str,
    name: str,
    scopes: tuple[Scope, ...],
    *,
    mode: Mode,
    lifetime: timedelta | None = None,
) -> KeyView:
    """Make and store a key."""
    key = make_key(tenant, name, scopes, stores.now(), mode=mode, lifetime=lifetime)
    stores.keys.add(key.stored)
    return KeyView.of(key.stored, key.token)


def own_key(stores: Services, tenant: str, key_id: str) -> ApiKey:
    """Return a key of the tenant.

    Raises:
        ApiError: there is none, or it belongs to another tenant; nobody learns which.
    """
    found = stores.keys.get(key_id)
    if found is None or found.tenant != tenant:
        raise ApiError("not_found")
    return found
