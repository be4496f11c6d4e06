"""/v1/consents: what people have agreed to, and their withdrawal, which erases."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.document import JobId
from contracts.documents.api.consents import ConsentPage, ConsentView, ConsentWithdrawn
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from http_api.asking import caller, new_router, services
from http_api.paging import After, Limit, page
from http_api.problems import ApiError
from http_api.services import Services

ConsentPath = Annotated[JobId, Path()]

router = new_router()


@router.get("/v1/consents", summary="List consents", tags=["consents"])
def list_consents(limit: Limit = 20, after: After = None) -> ConsentPage:
    """Return the tenant's consents, the newest first; also those whose models are erased."""
    tenant = caller(router, "read").tenant
    shown, rest = page(services(router).consents.of(tenant), _place, limit, after)
    return ConsentPage(data=tuple(ConsentView.of(one) for one in shown), next=rest)


@router.get("/v1/consents/<consent_id>", summary="One consent", tags=["consents"])
def get_consent(consent_id: ConsentPath) -> ConsentView:
    """Return one consent. Its id is that of the job and the model that it was given for."""
    tenant = caller(router, "read").tenant
    return ConsentView.of(own_consent(services(router), tenant, consent_id))


@router.post("/v1/consents/<consent_id>:withdraw", summary="Withdraw a consent", tags=["consents"])
def withdraw_consent(consent_id: ConsentPath) -> Response[ConsentWithdrawn]:
    """Take a consent back: its upload with the photos, the models and the pictures are erased.

    The record of the consent stays as evidence, with the time of the withdrawal. Ask again to see
    how far the erasure is, and for its receipt.
    """
    tenant, stores = caller(router, "erase").tenant, services(router)
    record = own_consent(stores, tenant, consent_id)
    subject = ErasureSubject(tenant=tenant, upload=record.upload)
    answer = stores.eraser.erase(subject, withdrawn=True)
    changed = own_consent(stores, tenant, consent_id)
    shown = answer.model_copy(update={"receipt_uri": None})  # the bucket is not the caller's
    return Response(
        status_code=HTTPStatus.ACCEPTED if answer.outcome == "erasing" else HTTPStatus.OK,
        content_type="application/json",
        body=ConsentWithdrawn(consent=ConsentView.of(changed), erasure=shown),
    )


def own_consent(stores: Services, tenant: str, consent_id: str) -> ConsentRecord:
    """Return a consent of the tenant.

    Raises:
        ApiError: there is none, or it is another tenant's; nobody learns which.
    """
    record = stores.consents.get(consent_id)
    if record is None or record.tenant != tenant:
        raise ApiError("not_found")
    return record


def _place(record: ConsentRecord) -> str:
    return f"{record.recorded_at}#{record.model_id}"
