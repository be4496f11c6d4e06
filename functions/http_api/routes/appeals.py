"""/v1/refusals and /v1/appeals: a tenant asks for a refused text, and an operator decides."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.documents.appeal import (
    AppealAnswer,
    AppealEvidence,
    AppealId,
    AppealOrder,
    AppealPage,
    AppealRefusal,
    AppealRow,
    AppealStatus,
    AppealView,
    NewAppeal,
    RefusalId,
)
from domain.appeals.asking import AskingServices, NoAppealError, appeal_id_of, ask
from domain.appeals.deciding import evidence_of
from domain.ports.appeals import place_of
from http_api.asking import caller, existing, new_router, services, touch
from http_api.paging import After, Limit, newest_page
from http_api.problems import ApiError
from http_api.rates import DAY_SECONDS, spend
from http_api.services import Services

RefusalPath = Annotated[
    RefusalId, Path(description="`refusal_id` of a refused order, or of a refused upload.")
]
AnyAppeal = Annotated[AppealId, Path(description="Id of an appeal, as asking has answered.")]

router = new_router()


@router.post("/v1/refusals/<refusal_id>:appeal", summary="Appeal a refusal", tags=["appeals"])
def appeal_refusal(refusal_id: RefusalPath, body: NewAppeal) -> AppealView:
    """Ask an operator to let a prompt, the names in a training's request, or a picture through.

    The operator reads the refused text; a withheld picture was kept nowhere, and the operator sees
    its request. A second appeal against one refusal returns the first.
    """
    tenant, stores = caller(router, "train").tenant, services(router)
    spend(stores, f"appeals#{tenant}", DAY_SECONDS, stores.limits.appeals_per_day)
    needed = AskingServices(
        appeals=stores.appeals,
        pictures=stores.pictures.pictures,
        jobs=stores.jobs,
        models=stores.models,
        uploads=stores.uploads,
        documents=stores.documents,
    )
    try:
        row = ask(refusal_id, tenant, body.words, needed, stores.now())
    except NoAppealError:
        raise ApiError("not_found") from None
    touch(router, appeal_id=row.appeal_id)
    return AppealView.of(row)


@router.get("/v1/appeals/<appeal_id>", summary="How an appeal stands", tags=["appeals"])
def get_appeal(appeal_id: AnyAppeal) -> AppealView:
    """Return how an appeal of the tenant stands."""
    tenant = caller(router, "read").tenant
    found = services(router).appeals.get(appeal_id)
    if found is None or found.tenant != tenant:
        raise ApiError("not_found")
    return AppealView.of(found)


@router.get("/v1/appeals", summary="List appeals", tags=["appeals"])
def list_appeals(limit: Limit = 20, after: After = None) -> AppealPage:
    """Return the appeals of all tenants, the newest first; the scope is `operate`."""
    caller(router, "operate")
    shown, rest = newest_page(services(router).appeals.newest, place_of, limit, after)
    return AppealPage(data=tuple(shown), next=rest)


@router.get("/v1/appeals/<appeal_id>/evidence", summary="Look at an appeal", tags=["appeals"])
def get_appeal_evidence(appeal_id: AnyAppeal) -> AppealEvidence:
    """Return what was refused, and the tenant's words; the scope is `operate`."""
    caller(router, "operate")
    stores = services(router)
    row = existing(stores.appeals.get(appeal_id))
    return AppealEvidence(appeal=row, text=evidence_of(row, stores.uploads))


@router.post("/v1/appeals/<appeal_id>:grant", summary="Grant an appeal", tags=["appeals"])
def grant_appeal(appeal_id: AnyAppeal) -> AppealRow:
    """Let exactly the refused text or request through for its tenant; the scope is `operate`."""
    who = caller(router, "operate")
    order = AppealOrder(action="grant", appeal_id=appeal_id, by=who.subject)
    return decided(services(router).appeal_decider.decide(order))


@router.post("/v1/appeals/<appeal_id>:refuse", summary="Refuse an appeal", tags=["appeals"])
def refuse_appeal(appeal_id: AnyAppeal, body: AppealRefusal) -> AppealRow:
    """Close an appeal with a reason, or take a grant back; the scope is `operate`."""
    who = caller(router, "operate")
    order = AppealOrder(action="refuse", appeal_id=appeal_id, why=body.why, by=who.subject)
    return decided(services(router).appeal_decider.decide(order))


def appeal_of(stores: Services, tenant: str, refusal_id: str | None) -> AppealStatus | None:
    """Return how the appeal against a refusal stands; None: nobody has appealed."""
    if refusal_id is None:
        return None
    found = stores.appeals.get(appeal_id_of(tenant, refusal_id))
    return None if found is None else found.status


def decided(answer: AppealAnswer) -> AppealRow:
    """Return the appeal after a decision.

    Raises:
        ApiError: there is no such appeal.
    """
    if answer.outcome == "unknown":
        raise ApiError("not_found")
    return answer.appeals[0]
