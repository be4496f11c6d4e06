"""/v1/exports: everything that is held about a tenant or a person, in one archive."""

from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import ValidationError

from contracts.documents.api.exports import ExportFile, ExportPage, ExportView, NewExport
from contracts.documents.api.problem import FieldProblem
from contracts.documents.export import ExportId, ExportRow, ExportSubject
from contracts.shared import layout
from domain.exporting.asking import UnknownExportError, ask, judged, own_export
from domain.exporting.reaching import own_consents
from domain.ports.exports import place_of
from http_api.asking import caller, new_router, services
from http_api.paging import After, Limit, newest_page
from http_api.problems import ApiError
from http_api.rates import DAY_SECONDS, spend
from http_api.services import Services

LINK_SECONDS = 900

OwnExport = Annotated[ExportId, Path(description="Id of one of the tenant's exports.")]

router = new_router()


@router.post("/v1/exports", summary="Export data", tags=["exports"])
def create_export(body: NewExport) -> Response[ExportView]:
    """Begin an archive of everything that is held: photos, models, pictures, consents, records.

    It takes up to 15 minutes. Ask `GET /v1/exports/{id}` until it has succeeded. The archive is
    kept for seven days.
    """
    tenant, stores = caller(router, "admin").tenant, services(router)
    subject = subject_of(tenant, body)
    check_known(stores, subject)
    spend(stores, f"exports#{tenant}", DAY_SECONDS, stores.limits.exports_per_day)
    row = ask(subject, stores.exports, stores.exporter, stores.now())
    return Response(
        status_code=HTTPStatus.ACCEPTED,
        content_type="application/json",
        body=ExportView.of(row),
    )


@router.get("/v1/exports", summary="List exports", tags=["exports"])
def list_exports(limit: Limit = 20, after: After = None) -> ExportPage:
    """Return the tenant's exports, the newest first."""
    tenant, stores = caller(router, "admin").tenant, services(router)
    shown, rest = newest_page(partial(stores.exports.of, tenant), place_of, limit, after)
    return ExportPage(data=tuple(view(stores, row) for row in shown), next=rest)


@router.get("/v1/exports/<export_id>", summary="How an export stands", tags=["exports"])
def get_export(export_id: OwnExport) -> ExportView:
    """Return how an export stands."""
    tenant, stores = caller(router, "admin").tenant, services(router)
    return view(stores, own(stores, tenant, export_id))


@router.get("/v1/exports/<export_id>/file", summary="Link to an archive", tags=["exports"])
def get_export_file(export_id: OwnExport) -> ExportFile:
    """Return a link to the archive, good for 15 minutes. The audit trail says who has asked."""
    tenant, stores = caller(router, "admin").tenant, services(router)
    row = own(stores, tenant, export_id)
    key = layout.uploads.export_key(tenant, export_id)
    if row.status != "succeeded" or row.sha256 is None or stores.uploads.head(key) is None:
        raise ApiError("not_found")
    end = stores.now() + timedelta(seconds=LINK_SECONDS)
    return ExportFile(
        id=export_id,
        url=stores.forms.link(key, layout.uploads.export_name(export_id), LINK_SECONDS),
        size=row.size,
        sha256=row.sha256,
        expires_at=end.isoformat(),
    )


def subject_of(tenant: str, body: NewExport) -> ExportSubject:
    """Return whose data are asked for.

    Raises:
        ApiError: both a person and an upload are named.
    """
    try:
        return ExportSubject(tenant=tenant, given_by=body.given_by, upload=body.upload_id)
    except ValidationError:
        words = "name a person or an upload, not both"
        raise ApiError("invalid_call", errors=[FieldProblem(field="body", message=words)]) from None


def check_known(stores: Services, subject: ExportSubject) -> None:
    """Refuse a person or an upload that the tenant does not have.

    Raises:
        ApiError: there is none, or it is another tenant's; nobody learns which.
    """
    if subject.kind == "tenant" or own_consents(subject, stores.consents.of(subject.tenant)):
        return
    if subject.upload is not None:
        prefix = layout.uploads.upload_prefix(subject.tenant, subject.upload)
        row = stores.jobs.of_upload(f"{subject.tenant}/{subject.upload}")
        if stores.uploads.list(prefix, 1) or row.points_to is not None:
            return
    raise ApiError("not_found")


def own(stores: Services, tenant: str, export_id: str) -> ExportRow:
    """Return an export of the tenant.

    Raises:
        ApiError: there is none, or it is another tenant's; nobody learns which.
    """
    try:
        return own_export(stores.exports, tenant, export_id, stores.now())
    except UnknownExportError:
        raise ApiError("not_found") from None


def view(stores: Services, row: ExportRow) -> ExportView:
    """Return a row as its tenant sees it."""
    shown = judged(row, stores.now())
    key = layout.uploads.export_key(row.subject.tenant, row.export_id)
    gone = shown.status == "succeeded" and stores.uploads.head(key) is None
    return ExportView.of(shown, gone=gone)
