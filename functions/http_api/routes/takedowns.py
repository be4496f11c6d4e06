"""/v1/takedowns: a report of a picture by anybody, and what operators decide."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.documents.api.problem import FieldProblem
from contracts.documents.takedown import (
    CaseId,
    NewTakedown,
    TakedownAcceptance,
    TakedownAnswer,
    TakedownCase,
    TakedownEvidence,
    TakedownOrder,
    TakedownPage,
    TakedownRefusal,
    TakedownReport,
    TakedownView,
)
from contracts.shared import layout
from contracts.shared.rejection import PhotoRejectedError
from domain.ports.storage import find_readable
from domain.ports.takedown import place_of
from domain.takedown.deciding import appeal
from domain.takedown.reporting import NoPictureError, ReportingServices, report
from http_api.asking import caller, existing, new_router, services
from http_api.paging import After, Limit, newest_page
from http_api.problems import ApiError
from http_api.rates import DAY_SECONDS, HOUR_SECONDS, hashed_source, spend
from http_api.routes.models import ModelPath, own_model
from http_api.services import Services

LINK_SECONDS = 900

AnyCase = Annotated[CaseId, Path(description="Id of a case, as the report was answered.")]

router = new_router()


@router.post("/v1/takedowns", summary="Report a picture", tags=["takedowns"])
def report_picture(body: NewTakedown) -> TakedownView:
    """Report a picture that shows you. No account is needed; keep the id, to ask how it stands.

    The picture's marks say which model has drawn it; no face is searched for. An operator decides
    within 48 hours.
    """
    stores = services(router)
    spend_report(stores)
    try:
        needed = ReportingServices(stores.takedowns, stores.uploads, stores.decoder)
        return TakedownView.of(report(body, needed, stores.now()))
    except NoPictureError:
        raise _invalid("is not in base64") from None
    except PhotoRejectedError:
        raise _invalid("is no picture that can be read") from None


@router.get("/v1/takedowns/<case_id>", summary="How a report stands", tags=["takedowns"])
def get_takedown(case_id: AnyCase) -> TakedownView:
    """Return how a report stands, for anybody who has its id."""
    return TakedownView.of(existing(services(router).takedowns.get(case_id)))


@router.get("/v1/takedowns", summary="List reports", tags=["takedowns"])
def list_takedowns(limit: Limit = 20, after: After = None) -> TakedownPage:
    """Return all cases, the newest first; the scope is `operate`."""
    caller(router, "operate")
    shown, rest = newest_page(services(router).takedowns.newest, place_of, limit, after)
    return TakedownPage(data=tuple(shown), next=rest)


@router.get("/v1/takedowns/<case_id>/evidence", summary="Look at a report", tags=["takedowns"])
def get_evidence(case_id: AnyCase) -> TakedownEvidence:
    """Return the reporter's words and a link to the picture; the scope is `operate`."""
    caller(router, "operate")
    stores = services(router)
    case, prefix = existing(stores.takedowns.get(case_id)), layout.uploads.takedown_prefix(case_id)
    picture = prefix + layout.uploads.TAKEDOWN_PICTURE
    return TakedownEvidence(
        case=case,
        report=find_readable(
            stores.uploads, prefix + layout.uploads.TAKEDOWN_REPORT, TakedownReport
        ),
        picture_url=stores.forms.link(picture, layout.uploads.TAKEDOWN_PICTURE, LINK_SECONDS),
    )


@router.post("/v1/takedowns/<case_id>:accept", summary="Disable the models", tags=["takedowns"])
def accept_takedown(case_id: AnyCase, body: TakedownAcceptance) -> TakedownCase:
    """Disable the case's models within seconds; the scope is `operate`."""
    who = caller(router, "operate")
    order = TakedownOrder(action="accept", case_id=case_id, models=body.models, by=who.subject)
    return decided(services(router).decider.decide(order))


@router.post("/v1/takedowns/<case_id>:refuse", summary="Refuse a report", tags=["takedowns"])
def refuse_takedown(case_id: AnyCase, body: TakedownRefusal) -> TakedownCase:
    """Close a case with a reason; the scope is `operate`."""
    who = caller(router, "operate")
    order = TakedownOrder(action="refuse", case_id=case_id, why=body.why, by=who.subject)
    return decided(services(router).decider.decide(order))


@router.post("/v1/takedowns/<case_id>:restore", summary="Grant an appeal", tags=["takedowns"])
def restore_takedown(case_id: AnyCase) -> TakedownCase:
    """Let the case's models be drawn with again; the scope is `operate`."""
    who = caller(router, "operate")
    order = TakedownOrder(action="restore", case_id=case_id, by=who.subject)
    return decided(services(router).decider.decide(order))


@router.post("/v1/models/<model_id>:appeal", summary="Appeal a takedown", tags=["takedowns"])
def appeal_takedown(model_id: ModelPath) -> TakedownView:
    """Ask an operator to look again at what has disabled one of the tenant's models."""
    tenant, stores = caller(router, "admin").tenant, services(router)
    own_model(stores, tenant, model_id)
    spend(stores, f"appeals#{tenant}", DAY_SECONDS, stores.limits.appeals_per_day)
    case = appeal(model_id, stores.takedowns, stores.now())
    if case is None:
        raise ApiError("not_disabled")
    return TakedownView.of(case)


def spend_report(stores: Services) -> None:
    """Count a report of this address in this hour, and all reports of this day.

    Raises:
        ApiError: there were too many.
    """
    whose = hashed_source(router.context["source"], stores.now())
    spend(stores, f"takedown#{whose}", HOUR_SECONDS, stores.limits.reports_per_hour)
    spend(stores, "takedowns", DAY_SECONDS, stores.limits.reports_per_day)


def decided(answer: TakedownAnswer) -> TakedownCase:
    """Return the case after a decision.

    Raises:
        ApiError: there is no such case, no model to disable, no such model, or it was decided
            before.
    """
    codes = {"unknown": "not_found", "no_model": "no_marked_model", "decided": "already_decided"}
    if answer.outcome == "unknown_model":
        problem = FieldProblem(field="body.models", message="there is no model of this id")
        raise ApiError("invalid_call", errors=[problem])
    if answer.outcome in codes:
        raise ApiError(codes[answer.outcome])
    return answer.cases[0]


def _invalid(message: str) -> ApiError:
    return ApiError("invalid_call", errors=[FieldProblem(field="body.picture", message=message)])
