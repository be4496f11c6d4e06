"""/v1/models/{id}/pictures, /v1/pictures and /v1/images/generations: a model's pictures."""

from base64 import b64encode
from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from contracts.documents.api.pictures import (
    ImageLink,
    NewPicture,
    OpenAiAnswer,
    OpenAiImage,
    OpenAiImages,
    PictureCanceled,
    PictureId,
    PictureOrder,
    PicturePage,
    PictureRow,
    PictureView,
)
from contracts.documents.api.problem import FieldProblem
from domain.pictures.ordering import (
    ENDED,
    UnknownPictureError,
    cancel,
    order,
    order_key,
    own_picture,
    prefix_of,
)
from domain.ports.pictures import place_of
from domain.ports.storage import ObjectMissingError, find_readable
from http_api.asking import caller, new_router, services
from http_api.paging import After, Limit, page, read_cursor
from http_api.problems import ApiError
from http_api.rates import MINUTE_SECONDS, spend
from http_api.routes.models import ModelPath, drawable_model
from http_api.services import Services
from http_api.waiting import Wait, until

QUICK_SECONDS = 10
OPENAI_SECONDS = 25
"""API Gateway waits for 30; OpenAI's clients know no answer but the pictures."""

LINK_SECONDS = 3600
MAX_INLINE_BYTES = 4_000_000
"""Pictures in one answer: Lambda's answers have at most 6 MB, and base64 makes a third more."""

MAX_PICTURE_BYTES = 32 << 20

QuickWait = Annotated[
    int, Query(ge=0, le=20, description="Seconds to wait for the pictures before the answer.")
]
OwnPicture = Annotated[PictureId, Path(description="Id of one of the tenant's orders.")]

router = new_router()


@router.post(
    "/v1/models/<model_id>/pictures",
    summary="Draw pictures",
    tags=["pictures"],
    responses={
        200: {
            "description": "Drawn, or failed, in time",
            "content": {"application/json": {"model": PictureView}},
        },
        202: {
            "description": "Queued: ask for it by its id",
            "content": {"application/json": {"model": PictureView}},
        },
    },
)
def create_picture(
    model_id: ModelPath, body: NewPicture, wait: QuickWait = QUICK_SECONDS
) -> Response[PictureView]:
    """Order pictures of a model; what is drawn within `wait` seconds is in the answer.

    Otherwise the answer is 202: ask `GET /v1/pictures/{id}?wait=20` until its status is final.
    """
    tenant, stores = caller(router, "draw").tenant, services(router)
    row = drawn(stores, ordered(stores, tenant, model_id, body), wait)
    status = 200 if row.status in ENDED else 202
    return Response(status_code=status, content_type="application/json", body=shown(stores, row))


@router.get("/v1/pictures", summary="List pictures", tags=["pictures"])
def list_pictures(limit: Limit = 20, after: After = None) -> PicturePage:
    """Return the tenant's orders, the newest first; an order's own address has its links."""
    tenant = caller(router, "read").tenant
    before = None if after is None else read_cursor(after)
    rows = services(router).pictures.pictures.of(tenant, limit + 1, before)
    found, rest = page(rows, place_of, limit, None)
    return PicturePage(data=tuple(PictureView.of(row) for row in found), next=rest)


@router.get("/v1/pictures/<picture_id>", summary="How an order stands", tags=["pictures"])
def get_picture(picture_id: OwnPicture, wait: Wait = 0) -> PictureView:
    """Return an order, with links once it is drawn; with `wait`, at its end."""
    tenant, stores = caller(router, "read").tenant, services(router)
    return shown(stores, drawn(stores, own(stores, tenant, picture_id), wait))


@router.post("/v1/pictures/<picture_id>:cancel", summary="Cancel an order", tags=["pictures"])
def cancel_picture(picture_id: OwnPicture) -> PictureCanceled:
    """Cancel an order; what is being drawn for it is thrown away."""
    tenant, stores = caller(router, "draw").tenant, services(router)
    try:
        outcome = cancel(stores.pictures.pictures, tenant, picture_id, stores.now())
    except UnknownPictureError:
        raise ApiError("not_found") from None
    return PictureCanceled(id=picture_id, outcome=outcome)


@router.post("/v1/images/generations", summary="Draw as OpenAI's clients ask", tags=["pictures"])
def generate_images(body: OpenAiImages) -> OpenAiAnswer:
    """Draw pictures in the shape of OpenAI's images endpoint; `model` is a model's id.

    What is not drawn within 25 seconds is cancelled, and the answer is 503: a cold endpoint is
    better asked with `POST /v1/models/{id}/pictures`.
    """
    tenant, stores = caller(router, "draw").tenant, services(router)
    made = ordered(stores, tenant, body.model, picture_of(body))
    row = drawn(stores, made, OPENAI_SECONDS)
    if row.status not in ENDED:
        cancel(stores.pictures.pictures, tenant, row.picture_id, stores.now())
        raise ApiError("picture_not_in_time", headers={"Retry-After": "20"})
    if row.status != "succeeded":
        raise ApiError(row.code or "canceled")
    images = links(stores, row)
    if body.response_format == "url":
        data = tuple(OpenAiImage(url=image.url) for image in images)
    else:
        data = tuple(OpenAiImage(b64_json=text) for text in inline(stores, row))
    return OpenAiAnswer(created=int(stores.now().timestamp()), data=data)


def picture_of(body: OpenAiImages) -> NewPicture:
    """Return the order that a request in OpenAI's shape means.

    Raises:
        ApiError: no base draws this size.
    """
    size = {}
    if body.size is not None:
        width, height = map(int, body.size.split("x"))
        if not all(64 <= side <= 1536 and side % 8 == 0 for side in (width, height)):  # noqa: PLR2004
            words = "each side has 64 to 1536 pixels and is a multiple of 8"
            raise ApiError("invalid_call", errors=[FieldProblem(field="body.size", message=words)])
        size = {"width": width, "height": height}
    return NewPicture(prompt=body.prompt, num_images_per_prompt=body.n, **size)


def ordered(stores: Services, tenant: str, model_id: str, wanted: NewPicture) -> PictureRow:
    """Order pictures of one of the tenant's models.

    Raises:
        ApiError: there is no such model of the tenant, or it has ordered too much.
    """
    model = drawable_model(stores, tenant, model_id)
    spend(stores, f"pictures#{tenant}", MINUTE_SECONDS, stores.limits.pictures_per_minute)
    kept = timedelta(days=stores.limits.retention_days)
    return order(stores.pictures, model, wanted, kept, stores.now())


def drawn(stores: Services, row: PictureRow, seconds: float) -> PictureRow:
    """Return the order at its end, or after so many seconds."""
    return until(
        stores,
        seconds,
        lambda: own(stores, row.tenant, row.picture_id),
        lambda found: found.status in ENDED,
    )


def own(stores: Services, tenant: str, picture_id: str) -> PictureRow:
    """Return an order of the tenant.

    Raises:
        ApiError: there is none, or it belongs to another tenant; nobody learns which.
    """
    try:
        return own_picture(stores.pictures.pictures, tenant, picture_id, stores.now())
    except UnknownPictureError:
        raise ApiError("not_found") from None


def shown(stores: Services, row: PictureRow) -> PictureView:
    """Return what a caller may see of an order, with new links."""
    end = stores.now() + timedelta(seconds=LINK_SECONDS)
    text = find_readable(stores.uploads, order_key(row), PictureOrder)
    return PictureView.of(
        row,
        links(stores, row),
        end.isoformat() if row.files else None,
        None if text is None else text.wanted(),
    )


def links(stores: Services, row: PictureRow) -> tuple[ImageLink, ...]:
    """Return a link to every picture of an order."""
    return tuple(
        ImageLink(
            url=stores.forms.link(prefix_of(row) + one.file, one.file, LINK_SECONDS),
            seed=one.seed,
            sha256=one.sha256,
        )
        for one in row.files
    )


def inline(stores: Services, row: PictureRow) -> list[str]:
    """Return the pictures in base64.

    Raises:
        ApiError: they are too large for one answer, or were erased.
    """
    try:
        found = [
            stores.uploads.read(prefix_of(row) + one.file, MAX_PICTURE_BYTES) for one in row.files
        ]
    except ObjectMissingError:
        raise ApiError("erased") from None
    if sum(map(len, found)) > MAX_INLINE_BYTES:
        words = "the pictures are too large for one answer: ask for url"
        field = FieldProblem(field="body.response_format", message=words)
        raise ApiError("invalid_call", errors=[field])
    return [b64encode(body).decode() for body in found]
