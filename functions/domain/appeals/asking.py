"""A refusal becomes an appeal: what was asked for is kept for the operator, and hashed."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from contracts.documents.api.pictures import PictureOrder, PictureRow
from contracts.documents.appeal import (
    MAX_TEXTS,
    AppealRow,
    AppealText,
    RefusalCode,
    WithheldPicture,
)
from contracts.documents.upload.problems import RequestProblems
from contracts.shared import layout
from domain.appeals.allowing import hashes_in
from domain.appeals.start_images import find_file
from domain.pictures.ordering import order_key
from domain.ports.appeals import Appeals
from domain.ports.front_door import TenantJobs
from domain.ports.models import Models
from domain.ports.pictures import Pictures
from domain.ports.storage import ObjectMissingError, Storage, find_readable, write_document
from domain.requests.merge import parse_request
from domain.requests.request_json import MAX_REQUEST_BYTES, RequestRefusedError, texts_in

PICTURE = "pic_"
"""How the id of an order begins."""


class AskingServices(NamedTuple):
    """What asking needs."""

    appeals: Appeals
    pictures: Pictures
    jobs: TenantJobs
    models: Models
    uploads: Storage
    documents: Storage
    """The models bucket, which has the problems of refused requests."""


class NoAppealError(Exception):
    """The tenant has no such refusal, or what was asked for has expired."""


class Refused(NamedTuple):
    """What was refused."""

    code: RefusalCode
    texts: tuple[tuple[str, ...], ...]
    picture: WithheldPicture | None = None


def ask(
    refusal_id: str, tenant: str, words: str, services: AskingServices, now: datetime
) -> AppealRow:
    """Store an appeal against a refusal, and return it; asking again returns the first one.

    Raises:
        NoAppealError: see there.
    """
    appeal_id = appeal_id_of(tenant, refusal_id)
    known = services.appeals.get(appeal_id)
    if known is not None:
        return known
    refused = refusal_of(refusal_id, tenant, services)
    text = AppealText(
        appeal_id=appeal_id, texts=refused.texts, picture=refused.picture, words=words
    )
    row = AppealRow(
        appeal_id=appeal_id,
        refusal_id=refusal_id,
        tenant=tenant,
        code=refused.code,
        hashes=hashes_in(text, tenant),
        asked_at=now.isoformat(),
    )
    write_document(services.uploads, layout.uploads.appeal_key(tenant, appeal_id), text)
    return row if services.appeals.add(row) else services.appeals.get(appeal_id) or row


def appeal_id_of(tenant: str, refusal_id: str) -> str:
    """Return the id of the one appeal against a refusal."""
    return f"ap_{sha256(f'{tenant} {refusal_id}'.encode()).hexdigest()[:32]}"


def refusal_of(refusal_id: str, tenant: str, services: AskingServices) -> Refused:
    """Return what was refused under an id: that of an order, or that of an upload.

    Raises:
        NoAppealError: see there.
    """
    if refusal_id.startswith(PICTURE):
        return refused_order(refusal_id, tenant, services)
    row = services.jobs.of_upload(f"{tenant}/{refusal_id}")
    texts = tuple((text,) for text in refused_texts(refusal_id, tenant, services))
    if row.refused_code != "name_refused" or not 1 <= len(texts) <= MAX_TEXTS:
        raise NoAppealError
    return Refused("name_refused", texts)


def refused_order(picture_id: str, tenant: str, services: AskingServices) -> Refused:
    """Return what was refused of an order: its prompts, or its picture.

    Raises:
        NoAppealError: see there.
    """
    row = services.pictures.get(picture_id)
    if row is None or row.tenant != tenant:
        raise NoAppealError
    order = find_readable(services.uploads, order_key(row), PictureOrder)
    if order is None:
        raise NoAppealError
    prompts = ((order.prompt, order.negative_prompt or ""),)
    if row.code == "prompt_refused":
        return Refused("prompt_refused", prompts)
    if row.code == "unsafe_picture":
        return Refused("unsafe_picture", prompts, withheld_picture(row, order, services))
    raise NoAppealError


def withheld_picture(
    row: PictureRow, order: PictureOrder, services: AskingServices
) -> WithheldPicture:
    """Return what an order's picture was drawn from.

    Raises:
        NoAppealError: the model is gone, or what the picture starts from.
    """
    models = services.models.of(row.tenant, row.model_id)
    if not models:
        raise NoAppealError
    hashes = []
    for given in (order.image, order.arguments.mask_image):
        file = None if given is None else find_file(given, row.tenant, services.uploads)
        if given is not None and file is None:
            raise NoAppealError
        hashes.append(None if file is None else sha256(file).hexdigest())
    return WithheldPicture.of(models[0].weights_sha256, order.arguments, *hashes)


def refused_texts(upload: str, tenant: str, services: AskingServices) -> Iterator[str]:
    """Yield every text of the fields for which an upload's request was refused."""
    key = layout.models.problems_key(tenant, upload)
    problems = find_readable(services.documents, key, RequestProblems)
    prefix = layout.uploads.upload_prefix(tenant, upload)
    try:
        body = services.uploads.read(prefix + layout.uploads.REQUEST_FILE, MAX_REQUEST_BYTES)
        request = parse_request(body).request
    except (ObjectMissingError, RequestRefusedError):
        return
    fields = {} if problems is None else {one.field for one in problems.problems}
    for field, value in request.without_consents().model_dump(mode="json").items():
        if field in fields:
            yield from texts_in(value)
