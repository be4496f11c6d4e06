"""Deletions: of a model, an upload, or the whole tenant. Each ends in a signed receipt."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.document import JobId, OpaqueId
from contracts.documents.erasure import ErasureAnswer, ErasureSubject
from http_api.asking import caller, new_router, services
from http_api.problems import ApiError

router = new_router()


@router.delete("/v1/models/<model_id>", summary="Erase a model", tags=["erasure"])
def erase_model(model_id: Annotated[JobId, Path()]) -> Response[ErasureAnswer]:
    """Erase a model and what it has drawn; photos stay. Ask again for the receipt."""
    return _erase(ErasureSubject(tenant=_tenant(), model_id=model_id))


@router.delete("/v1/uploads/<upload_id>", summary="Erase an upload", tags=["erasure"])
def erase_upload(upload_id: Annotated[OpaqueId, Path()]) -> Response[ErasureAnswer]:
    """Erase an upload with its photos, its models and what they have drawn."""
    return _erase(ErasureSubject(tenant=_tenant(), upload=upload_id))


@router.delete("/v1/me", summary="Erase the tenant", tags=["erasure"])
def erase_tenant() -> Response[ErasureAnswer]:
    """Erase everything of the tenant, its API keys too; nothing of it is ever accepted again."""
    return _erase(ErasureSubject(tenant=_tenant()))


def _tenant() -> str:
    return caller(router, "erase").tenant


def _erase(subject: ErasureSubject) -> Response[ErasureAnswer]:
    """Return 202 while bytes go, 200 with the receipt afterwards.

    Raises:
        ApiError: the tenant has no such thing.
    """
    answer = services(router).eraser.erase(subject)
    if answer.outcome == "unknown":
        raise ApiError("not_found")
    done = answer.outcome == "erased"
    shown = answer.model_copy(update={"receipt_uri": None})  # the bucket is not the caller's
    return Response(
        status_code=HTTPStatus.OK if done else HTTPStatus.ACCEPTED,
        content_type="application/json",
        body=shown,
    )
