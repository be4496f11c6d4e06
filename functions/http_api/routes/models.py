"""/v1/models: the tenant's models."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.documents.api.jobs import JobView, TrainingStarted
from contracts.documents.api.models import (
    Approval,
    ModelDetails,
    ModelFile,
    ModelFiles,
    ModelPage,
    ModelPushed,
    ModelView,
    NewApproval,
)
from contracts.documents.api.problem import FieldProblem
from contracts.documents.api.uploads import NewTraining
from contracts.documents.model import ModelRecord
from contracts.documents.status import UploadRow
from contracts.documents.sweep import SweepReport
from contracts.documents.training import TrainingResult
from contracts.shared import layout
from contracts.shared.suffixes import CONSENT_FILE
from domain.intake.adapter_files import LORA_NOT_NAMED, problem_with_adapter
from domain.intake.archives import is_archive
from domain.intake.file_kinds import file_kinds_of
from domain.ports.storage import find_document, find_readable
from domain.requests.consent import refuse_consent
from domain.requests.merge import RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError
from http_api.asking import caller, new_router, services, touch
from http_api.mock import MOCK_IMPORT
from http_api.paging import After, Limit, page
from http_api.problems import ApiError
from http_api.rates import DAY_SECONDS, check_quotas, spend
from http_api.services import Services
from http_api.waiting import until

ACCEPT_SECONDS = 8
"""Seconds to wait for the workflow to accept a request; a cold start takes some."""

LINK_SECONDS = 900

COPIES_AT_ONCE = 8
"""Copies within S3; a model has some twenty files."""

ModelPath = Annotated[str, Path(min_length=1, max_length=64)]

router = new_router()


@router.get("/v1/models", summary="List models", tags=["models"])
def list_models(limit: Limit = 20, after: After = None) -> ModelPage:
    """Return the tenant's models, the newest first."""
    tenant = caller(router, "read").tenant
    rows = sorted(services(router).models.of(tenant), key=_place, reverse=True)
    shown, rest = page(rows, _place, limit, after)
    return ModelPage(data=tuple(ModelView.of(row) for row in shown), next=rest)


@router.post("/v1/models", summary="Train or import a model", tags=["models"])
def create_model(body: NewTraining) -> TrainingStarted:
    """Start a training on an upload: the same as putting `request.json` beside its photos.

    With `adapter_file` the LoRA of the upload is imported, and nothing is trained. The same content
    is trained once; a second request for it answers with the first one's job.
    """
    who, stores = caller(router, "train"), services(router)
    prefix = layout.uploads.upload_prefix(who.tenant, body.upload_id)
    if not stores.uploads.list(prefix, 1):
        raise ApiError("not_found")
    place = f"{who.tenant}/{body.upload_id}"
    check_consent(stores, body)
    row = stores.jobs.of_upload(place)
    if who.mode == "live":
        row = start(stores, body, who.tenant, row)
    elif body.request.adapter_file is not None:
        row = UploadRow(points_to=MOCK_IMPORT)
    touch(router, upload_id=body.upload_id, job_id=row.points_to)
    job = None if row.points_to is None else stores.jobs.get(row.points_to)
    return TrainingStarted(upload_id=body.upload_id, job=None if job is None else JobView.of(job))


def check_consent(stores: Services, body: NewTraining) -> None:
    """Refuse photos of people without the consent that the stack requires; nothing is stored then.

    Raises:
        ApiError: every field that is missing or wrong is listed.
    """
    refusal = refuse_consent(body.request, stores.consent, stores.now())
    if refusal is not None:
        errors = [
            FieldProblem(field=f"body.request.{found.field}", message=found.message)
            for found in refusal.problems
            if found.field != CONSENT_FILE
        ]
        raise ApiError(refusal.code, errors=errors)


def check_request(stores: Services, body: NewTraining, tenant: str) -> bytes:
    """Return the request as it is stored; refuse one that AcceptRequest would refuse by itself.

    Here nothing is stored then, and no quota is used. A file of the upload that may say more is for
    AcceptRequest to read.

    Raises:
        ApiError: it says which fields cannot be used.
    """
    prefix = layout.uploads.upload_prefix(tenant, body.upload_id)
    listed = {one.key.removeprefix(prefix): one.size for one in stores.uploads.list(prefix, 1000)}
    check_adapter(body, listed)
    # What was said stays said, also a default: it goes before a preset or a folder's name.
    request = body.request.model_dump_json(exclude_unset=True).encode()
    kinds = file_kinds_of(listed)
    if kinds.settings or any(map(is_archive, listed)):
        return request
    try:
        merge_sources(RequestSources(request, {}, kinds.photos))
    except RequestRefusedError as error:
        errors = [
            FieldProblem(field=f"body.request.{found.field}", message=found.message)
            for found in error.problems
        ]
        raise ApiError("invalid_call", errors=errors) from None
    return request


def check_adapter(body: NewTraining, listed: Mapping[str, int]) -> None:
    """Refuse an import of a file that is not there or not alone, and a training on a LoRA.

    Args:
        body: the request.
        listed: the size of each file of the upload, by its name.

    Raises:
        ApiError: the field ``adapter_file`` says why.
    """
    named = body.request.adapter_file
    if named is None:
        message = LORA_NOT_NAMED if layout.uploads.API_ADAPTER_FILE in listed else None
    else:
        kinds = file_kinds_of(listed)
        others = {*kinds.photos, *kinds.class_photos} - {named}
        message = problem_with_adapter(listed.get(named), others=bool(others))
    if message is not None:
        problem = FieldProblem(field="body.request.adapter_file", message=message)
        raise ApiError("invalid_call", errors=[problem])


def start(stores: Services, body: NewTraining, tenant: str, before: UploadRow) -> UploadRow:
    """Write the request, and return what the workflow makes of it within some seconds.

    Raises:
        ApiError: the upload has its training, holds something else than the request is about, or a
            quota of the tenant is used up.
    """
    if before.points_to is not None:
        raise ApiError("already_started")
    request = check_request(stores, body, tenant)
    check_quotas(stores, tenant)
    spend(stores, f"trainings#{tenant}", DAY_SECONDS, stores.limits.trainings_per_day)
    key = layout.uploads.upload_prefix(tenant, body.upload_id) + layout.uploads.REQUEST_FILE
    stores.uploads.write(key, request, "application/json")
    place = f"{tenant}/{body.upload_id}"
    return until(
        stores, ACCEPT_SECONDS, lambda: stores.jobs.of_upload(place), lambda now: now != before
    )


@router.get("/v1/models/<model_id>", summary="One model", tags=["models"])
def get_model(model_id: ModelPath) -> ModelDetails:
    """Return one model with its version, what its gate measured, and whether it is approved."""
    tenant, stores = caller(router, "read").tenant, services(router)
    return details(stores, own_model(stores, tenant, model_id))


@router.post("/v1/models/<model_id>:approve", summary="Approve a model", tags=["models"])
def approve_model(model_id: ModelPath, body: NewApproval) -> ModelDetails:
    """Store whether the model may be used, and who has decided it; the newest decision counts."""
    who, stores = caller(router, "admin"), services(router)
    record = own_model(stores, who.tenant, model_id)
    decided = Approval(approved=body.approved, by=who.subject, at=stores.now().isoformat())
    stores.approvals.put(who.tenant, model_id, decided)
    return details(stores, record)


@router.get("/v1/models/<model_id>/files", summary="Links to a model's files", tags=["models"])
def get_files(model_id: ModelPath) -> ModelFiles:
    """Return a link to every file of a model, with its hash."""
    tenant, stores = caller(router, "read").tenant, services(router)
    check_enabled(stores, own_model(stores, tenant, model_id).model_id)
    key, result = result_of(stores, tenant, model_id)
    if result is None:
        raise ApiError("not_found")
    folder = key.removesuffix(layout.container.RESULT_FILE)
    end = stores.now() + timedelta(seconds=LINK_SECONDS)
    files = tuple(
        ModelFile(
            path=path,
            sha256=sha256,
            url=stores.links.link(folder + path, path.rpartition("/")[2], LINK_SECONDS),
        )
        for path, sha256 in sorted(result.files.items())
    )
    return ModelFiles(expires_at=end.isoformat(), data=files)


@router.post("/v1/models/<model_id>:push", summary="Push a model to the hub", tags=["models"])
def push_model(model_id: ModelPath) -> ModelPushed:
    """Copy a model's files into its own folder of the operator's hub bucket.

    The folder is `models/<tenant>/<model>/`, laid out as a repository of Hugging Face's hub, with
    the model card as README.md. Another push replaces it, and the model's erasure deletes it.
    """
    who, stores = caller(router, "admin"), services(router)
    check_enabled(stores, own_model(stores, who.tenant, model_id).model_id)
    key, result = result_of(stores, who.tenant, model_id)
    if result is None:
        raise ApiError("not_found")
    folder, prefix = (
        key.removesuffix(layout.container.RESULT_FILE),
        layout.hub.hub_prefix(who.tenant, model_id),
    )
    uri = stores.hub.uri(prefix)
    inner = f"{layout.container.ADAPTER_FOLDER}/"
    with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
        list(
            pool.map(
                lambda path: stores.hub.copy(folder + path, prefix + path.removeprefix(inner)),
                result.files,
            )
        )
    pushed_at = stores.now().isoformat()
    return ModelPushed(id=model_id, uri=uri, files=len(result.files), pushed_at=pushed_at)


def details(stores: Services, record: ModelRecord) -> ModelDetails:
    """Return a model with what the registry knows of it."""
    same = [
        one for one in stores.models.of(record.tenant) if one.trigger_word == record.trigger_word
    ]
    _, result = result_of(stores, record.tenant, record.model_id)
    return ModelDetails(
        **dict(ModelView.of(record)),
        version=sum(_place(one) <= _place(record) for one in same),
        gate=None if result is None else result.gate,
        approval=stores.approvals.get(record.tenant, record.model_id),
        disabled=is_disabled(stores, record.model_id),
    )


def is_disabled(stores: Services, model_id: str) -> bool:
    """Return whether a takedown has disabled a model, or the trial that a sweep's model is."""
    return stores.documents.head(layout.models.disabled_model_key(model_id)) is not None


def check_enabled(stores: Services, model_id: str) -> None:
    """Refuse what a disabled model would draw or has drawn, and its files.

    Raises:
        ApiError: a takedown has disabled it.
    """
    if is_disabled(stores, model_id):
        raise ApiError("model_disabled")


def result_of(stores: Services, tenant: str, model_id: str) -> tuple[str, TrainingResult | None]:
    """Return what the trainer has written, and its key; for a sweep that of the best trial."""
    job = stores.jobs.get(model_id)
    if job is not None and job.trials:
        report = find_document(
            stores.documents, layout.models.sweep_report_key(model_id), SweepReport
        )
        job = None if report is None else stores.jobs.get(report.trials[0].job_id)
    if job is None or job.plan_id is None or job.tenant != tenant:
        return "", None
    key = layout.models.result_key(job.plan_id, job.job_id)
    return key, find_readable(stores.documents, key, TrainingResult)


def own_model(stores: Services, tenant: str, model_id: str) -> ModelRecord:
    """Return a model of the tenant.

    Raises:
        ApiError: there is none, or it belongs to another tenant; nobody learns which.
    """
    found = stores.models.of(tenant, model_id)
    if not found:
        raise ApiError("not_found")
    return found[0]


def drawable_model(stores: Services, tenant: str, model_id: str) -> ModelRecord:
    """Return a model of the tenant that may draw.

    Raises:
        ApiError: it is not the tenant's, or the stack asks for an approval that it lacks.
    """
    found = own_model(stores, tenant, model_id)
    if stores.limits.approval_required:
        approval = stores.approvals.get(tenant, model_id)
        if approval is None or not approval.approved:
            raise ApiError("model_not_approved")
    return found


def _place(record: ModelRecord) -> str:
    return f"{record.created_at}#{record.model_id}"
