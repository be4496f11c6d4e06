"""/v1/models/{id}/pictures, /v1/pictures and /v1/images/generations: a model's pictures."""

import re
from base64 import b64encode
from datetime import timedelta
from functools import partial
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from contracts.documents.api.aliases import Figures, NewRating
from contracts.documents.api.callers import Caller
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
from contracts.documents.model import ModelRecord
from contracts.shared.pictures.picture_places import is_s3, own_place, tenant_hash
from contracts.shared.pictures.picture_rules import ArgumentProblem, argument_problems
from contracts.shared.words.picture_texts import text_problem
from domain.pictures.ordering import (
    ENDED,
    UnknownPictureError,
    cancel,
    order,
    order_key,
    own_picture,
    prefix_of,
)
from domain.ports.aliases import VersionKey
from domain.ports.pictures import place_of
from domain.ports.storage import ObjectMissingError, find_readable
from domain.serving.aliases import assign
from http_api.asking import caller, existing, new_router, services, touch
from http_api.paging import After, Limit, newest_page
from http_api.problems import ApiError
from http_api.rates import MINUTE_SECONDS, spend
from http_api.routes.appeals import appeal_of
from http_api.routes.models import ModelPath, check_enabled, drawable_model
from http_api.services import Services
from http_api.waiting import Wait, until

ALIAS = re.compile("[a-z][a-z0-9-]{0,30}")
JOBS = re.compile(r"[0-9a-f]{32}")
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
    """Order pictures of a model, or of an alias; what is drawn within `wait` seconds is here.

    Otherwise the answer is 202: ask `GET /v1/pictures/{id}?wait=20` until its status is final.
    """
    who, stores = caller(router, "draw"), services(router)
    made = ordered(stores, who, model_id, body)
    touch(router, model_id=made.model_id)
    row = drawn(stores, made, wait)
    status = 200 if row.status in ENDED else 202
    return Response(status_code=status, content_type="application/json", body=shown(stores, row))


@router.get("/v1/pictures", summary="List pictures", tags=["pictures"])
def list_pictures(limit: Limit = 20, after: After = None) -> PicturePage:
    """Return the tenant's orders, the newest first; an order's own address has its links."""
    tenant = caller(router, "read").tenant
    of_tenant = partial(services(router).pictures.pictures.of, tenant)
    found, rest = newest_page(of_tenant, place_of, limit, after)
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


@router.post("/v1/pictures/<picture_id>:rate", summary="Rate the likeness", tags=["pictures"])
def rate_picture(picture_id: OwnPicture, body: NewRating) -> PictureView:
    """Say how much an order's pictures look like the subject; the newest rating counts."""
    tenant, stores = caller(router, "draw").tenant, services(router)
    before = own(stores, tenant, picture_id)
    check_enabled(stores, before.model_id)
    if before.status != "succeeded":
        words = "an order that has its pictures can be rated"
        field = FieldProblem(field="path.picture_id", message=words)
        raise ApiError("invalid_call", errors=[field])
    after = before.model_copy(update={"stars": body.stars})
    if not stores.pictures.pictures.replace(before, after):
        return rate_picture(picture_id, body)
    if before.alias is not None:
        more = Figures(ratings=before.stars is None, stars=body.stars - (before.stars or 0))
        stores.aliases.add(VersionKey(tenant, before.alias, before.model_id), more)
    return shown(stores, after)


@router.post("/v1/images/generations", summary="Draw as OpenAI's clients ask", tags=["pictures"])
def generate_images(body: OpenAiImages) -> OpenAiAnswer:
    """Draw pictures in the shape of OpenAI's images endpoint; `model` is a model's id.

    What is not drawn within 25 seconds is cancelled, and the answer is 503: a cold endpoint is
    better asked with `POST /v1/models/{id}/pictures`.
    """
    who, stores = caller(router, "draw"), services(router)
    made = ordered(stores, who, body.model, picture_of(body))
    touch(router, model_id=made.model_id, picture_id=made.picture_id)
    row = drawn(stores, made, OPENAI_SECONDS)
    if row.status not in ENDED:
        cancel(stores.pictures.pictures, who.tenant, row.picture_id, stores.now())
        raise ApiError("picture_not_in_time", headers={"Retry-After": "20"})
    if row.status != "succeeded":
        raise ApiError(row.code or "canceled", errors=refused_field(row), refusal_id=row.refusal_id)
    images = links(stores, row)
    if body.response_format == "url":
        data = tuple(OpenAiImage(url=image.url) for image in images)
    else:
        data = tuple(OpenAiImage(b64_json=text) for text in inline(stores, row))
    return OpenAiAnswer(created=int(stores.now().timestamp()), data=data)


def refused_field(row: PictureRow) -> list[FieldProblem]:
    """Return the field of an order that the endpoint has refused, if it has named one."""
    if row.argument is None:
        return []
    return [FieldProblem(field=f"body.{row.argument}", message="this endpoint cannot use it")]


def picture_of(body: OpenAiImages) -> NewPicture:
    """Return the order that a request in OpenAI's shape means.

    Raises:
        ApiError: no base draws this size.
    """
    size = {}
    if body.size is not None and body.size != "auto":
        width, height = map(int, body.size.split("x"))
        if not all(64 <= side <= 1536 and side % 8 == 0 for side in (width, height)):  # noqa: PLR2004
            words = "each side has 64 to 1536 pixels and is a multiple of 8"
            raise ApiError("invalid_call", errors=[FieldProblem(field="body.size", message=words)])
        size = {"width": width, "height": height}
    more = {"num_images_per_prompt": body.n or 1, "user": body.user, **size}
    return NewPicture.model_validate({"prompt": body.prompt, **more})


def ordered(stores: Services, who: Caller, model_id: str, wanted: NewPicture) -> PictureRow:
    """Order pictures of one of the tenant's models, or of the caller's version of an alias.

    Raises:
        ApiError: there is no such model of the tenant, or it has ordered too much.
    """
    tenant, alias = who.tenant, None
    check_drawable(wanted)
    check_own(stores, tenant, wanted)
    if ALIAS.fullmatch(model_id):
        alias = model_id
        model = assigned(stores, who, alias, wanted.user)
    else:
        model = usable_model(stores, tenant, model_id)
    spend(stores, f"pictures#{tenant}", MINUTE_SECONDS, stores.limits.pictures_per_minute)
    kept = timedelta(days=stores.limits.retention_days)
    return order(stores.pictures, model, wanted, kept, stores.now(), alias=alias)


def assigned(stores: Services, who: Caller, name: str, user: str | None) -> ModelRecord:
    """Return the version that a user of an alias gets: the same one each time.

    A version that may not draw gets nobody, as if it were erased.

    Raises:
        ApiError: there is no such alias, or none of its models; or no version may draw.
    """
    alias = existing(stores.aliases.get(who.tenant, name))
    left = {model.model_id: model for model in stores.models.of(who.tenant)}
    refusal = ApiError("not_found")
    while (found := assign(alias, left.values(), user or who.subject)) is not None:
        try:
            return usable_model(stores, who.tenant, found.model_id)
        except ApiError as error:
            refusal = error
            del left[found.model_id]
    raise refusal


def usable_model(stores: Services, tenant: str, model_id: str) -> ModelRecord:
    """Return a model of the tenant that may draw now.

    Raises:
        ApiError: it is not the tenant's, lacks an approval, or a takedown has disabled it.
    """
    model = drawable_model(stores, tenant, model_id)
    check_enabled(stores, model.model_id)
    return model


def check_drawable(wanted: NewPicture) -> None:
    """Refuse at once what the endpoint would refuse later, whatever its base.

    Raises:
        ApiError: it names every field that the endpoint would not take.
    """
    texts = {"prompt": (wanted.prompt, 1), "negative_prompt": (wanted.negative_prompt or "", 0)}
    found = {name: text_problem(text, at_least=least) for name, (text, least) in texts.items()}
    problems = [ArgumentProblem(name, problem) for name, problem in found.items() if problem]
    arguments = wanted.arguments(seed=0)
    problems += argument_problems(arguments, has_image=bool(wanted.image))
    if problems:
        faults = [FieldProblem(field=f"body.{one.name}", message=one.text) for one in problems]
        raise ApiError("invalid_call", errors=faults)


def check_own(stores: Services, tenant: str, wanted: NewPicture) -> None:
    """Refuse the address of an image that is not the tenant's own picture.

    Raises:
        ApiError: it is not, and nobody learns whether it exists; or a disabled model has drawn it.
    """
    named = {"image": wanted.image, "mask_image": wanted.mask_image}
    faults = []
    for name, text in named.items():
        if text is not None and is_s3(text):
            place = own_place(text, tenant_hash(tenant))
            if place is None or stores.uploads.uri(place.key) != text:
                words = "the `uri` of a picture of your own, or base64"
                faults.append(FieldProblem(field=f"body.{name}", message=words))
            else:
                check_start(stores, place.key)
    if faults:
        raise ApiError("invalid_call", errors=faults)


def check_start(stores: Services, key: str) -> None:
    """Refuse to begin with what a disabled model has drawn: another model would draw it again.

    Args:
        stores: of this request.
        key: of a picture of an order, whose row says which model has drawn it; or of a large
            answer, which has the models' ids in it.

    Raises:
        ApiError: a takedown has disabled the model.
    """
    folder, _, answer = key.rpartition("/")[0].rpartition("/")
    row = stores.pictures.pictures.get(answer)
    drawn_by = JOBS.findall(folder.rpartition("/")[2]) if row is None else [row.model_id]
    for model_id in dict.fromkeys(drawn_by):
        check_enabled(stores, model_id)


def drawn(stores: Services, row: PictureRow, seconds: float) -> PictureRow:
    """Return the order when it has ended, or as it stands after ``seconds``."""
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
    """Return what a caller may see of an order, with new links.

    Raises:
        ApiError: a takedown has disabled the model that has drawn them.
    """
    if row.files:
        check_enabled(stores, row.model_id)
    end = stores.now() + timedelta(seconds=LINK_SECONDS)
    text = find_readable(stores.uploads, order_key(row), PictureOrder)
    return PictureView.of(
        row,
        links(stores, row),
        end.isoformat() if row.files else None,
        None if text is None else text.wanted(),
        appeal_of(stores, row.tenant, row.refusal_id),
    )


def links(stores: Services, row: PictureRow) -> tuple[ImageLink, ...]:
    """Return a link to every picture of an order."""
    return tuple(
        ImageLink(
            url=stores.forms.link(prefix_of(row) + one.file, one.file, LINK_SECONDS),
            uri=stores.uploads.uri(prefix_of(row) + one.file),
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
