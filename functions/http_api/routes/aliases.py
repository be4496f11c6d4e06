"""/v1/aliases: one name for several versions of a model, and how they compare."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.documents.api.aliases import (
    Alias,
    AliasName,
    AliasPage,
    AliasView,
    Figures,
    NewAlias,
    Promotion,
    Version,
)
from contracts.documents.api.problem import FieldProblem
from domain.serving.aliases import UnknownVersionError, promote, set_versions
from domain.serving.aliases import view as version_view
from http_api.asking import caller, existing, new_router, services, touch
from http_api.problems import ApiError
from http_api.routes.models import result_of
from http_api.services import Services

MAX_ALIASES = 50
"""Largest number of aliases of a tenant."""

OwnAlias = Annotated[AliasName, Path(description="Name of one of the tenant's aliases.")]

router = new_router()


@router.post("/v1/aliases", summary="Share callers out between versions", tags=["aliases"])
def set_alias(body: NewAlias) -> AliasView:
    """Make an alias, or change the versions and weights of one.

    Draw with its name in place of a model's id. A caller moves only as far as the weights move.
    """
    tenant, stores = caller(router, "admin").tenant, services(router)
    before = stores.aliases.get(tenant, body.name)
    if before is None and len(stores.aliases.of(tenant)) >= MAX_ALIASES:
        words = f"a tenant has at most {MAX_ALIASES} aliases"
        raise ApiError("invalid_call", errors=[FieldProblem(field="body.name", message=words)])
    models = stores.models.of(tenant)
    try:
        made = set_versions(before, body, tenant, models, stores.now())
    except UnknownVersionError:
        words = "different models of the tenant, at least one with a weight above 0"
        field = FieldProblem(field="body.versions", message=words)
        raise ApiError("invalid_call", errors=[field]) from None
    stores.aliases.put(made)
    for version in made.versions:
        touch(router, model_id=version.model_id)
    return shown(stores, made)


@router.get("/v1/aliases", summary="List aliases", tags=["aliases"])
def list_aliases() -> AliasPage:
    """Return the tenant's aliases with what callers measured; an alias's own address has more."""
    tenant, stores = caller(router, "read").tenant, services(router)
    aliases, figures = stores.aliases.of(tenant), stores.aliases.all_figures(tenant)
    present = present_models(stores, tenant)
    return AliasPage(
        data=tuple(view(one, figures.get(one.name, {}), present, {}) for one in aliases)
    )


@router.get("/v1/aliases/<alias>", summary="Compare versions", tags=["aliases"])
def get_alias(alias: OwnAlias) -> AliasView:
    """Return an alias: each version's share, times, refusals and likeness."""
    tenant, stores = caller(router, "read").tenant, services(router)
    return shown(stores, own_alias(stores, tenant, alias))


@router.post(
    "/v1/aliases/<alias>:promote", summary="Give all callers one version", tags=["aliases"]
)
def promote_version(alias: OwnAlias, body: Promotion) -> AliasView:
    """Give all callers one of the versions; the others stay, with weight 0."""
    tenant, stores = caller(router, "admin").tenant, services(router)
    before = own_alias(stores, tenant, alias)
    if not stores.models.of(tenant, body.model_id):
        raise ApiError("not_found")
    try:
        after = promote(before, body.model_id, stores.now())
    except UnknownVersionError:
        words = "no version of this alias"
        field = FieldProblem(field="body.model_id", message=words)
        raise ApiError("invalid_call", errors=[field]) from None
    stores.aliases.put(after)
    touch(router, model_id=body.model_id)
    return shown(stores, after)


@router.delete("/v1/aliases/<alias>", summary="Remove an alias", tags=["aliases"])
def remove_alias(alias: OwnAlias) -> AliasView:
    """Remove an alias and its figures; the models stay. The answer has the last figures."""
    tenant, stores = caller(router, "admin").tenant, services(router)
    found = shown(stores, own_alias(stores, tenant, alias))
    stores.aliases.remove(tenant, alias)
    return found


def own_alias(stores: Services, tenant: str, name: str) -> Alias:
    """Return an alias of the tenant.

    Raises:
        ApiError: there is none.
    """
    return existing(stores.aliases.get(tenant, name))


def shown(stores: Services, alias: Alias) -> AliasView:
    """Return an alias with the figures of its versions, and what their gates have measured."""
    figures = stores.aliases.figures(alias.tenant, alias.name)
    likeness = {
        version.model_id: likeness_of(stores, alias.tenant, version) for version in alias.versions
    }
    return view(alias, figures, present_models(stores, alias.tenant), likeness)


def present_models(stores: Services, tenant: str) -> set[str]:
    """Return the ids of the tenant's models."""
    return {model.model_id for model in stores.models.of(tenant)}


def view(
    alias: Alias,
    figures: Mapping[str, Figures],
    present: AbstractSet[str],
    likeness: Mapping[str, float | None],
) -> AliasView:
    """Return an alias with what is known of its versions, each by model id."""
    total = sum(version.weight for version in alias.versions)
    return AliasView(
        id=alias.name,
        versions=tuple(
            version_view(
                version,
                total,
                figures.get(version.model_id, Figures()),
                likeness.get(version.model_id),
                present=version.model_id in present,
            )
            for version in alias.versions
        ),
        created_at=alias.created_at,
        updated_at=alias.updated_at,
    )


def likeness_of(stores: Services, tenant: str, version: Version) -> float | None:
    """Return what the gate has measured of a version; None where it measured none."""
    _, result = result_of(stores, tenant, version.model_id)
    return None if result is None or result.gate is None else result.gate.identity
