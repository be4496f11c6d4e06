"""One order: the endpoint is asked until it has drawn it, or it is clear that it will not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from contracts.codes import CODES
from contracts.documents.api.pictures import (
    PICTURE_CODES,
    DrawnFile,
    PictureOrder,
    PictureRow,
    PictureTask,
)
from contracts.documents.model import ModelRecord
from contracts.documents.picture import StoredPictures
from contracts.errors import EndpointMissingError, ModelNotReadyError, WarmUpFailedError
from contracts.shared import layout
from domain.pictures.ordering import ENDED, order_key, prefix_of
from domain.ports.aliases import Aliases, VersionKey
from domain.ports.endpoint import EndpointInvoker, EndpointLifecycle
from domain.ports.models import Models
from domain.ports.pictures import PictureQueue, Pictures
from domain.ports.storage import ObjectMissingError, Storage, find_document, write_document
from domain.serving.aliases import figures_of
from domain.serving.asking import Drawn, kserve_request, parse_pictures
from domain.serving.endpoint import wake

PAUSES = (1, 2, 4, 8, 15, 30)
"""Seconds after each attempt that may succeed later; the last one for ever."""

STARTING_PAUSE = 30
"""Seconds after which an endpoint that starts is asked again; it takes minutes."""

MAX_AGE = timedelta(hours=1)
"""Age of an order after which it has failed; an endpoint on demand starts within it."""

MAX_SLOW = 3
"""Attempts without an answer within SageMaker's 60 seconds. Such a request costs the endpoint a
minute, and will hardly be faster next time."""

MAX_RECEIVES = 4
"""The queue's maxReceiveCount. A message comes again only after a worker died. At the last
time the order fails, and the message goes to the dead-letter queue."""

NO_ANSWER = ({"reason": "no_answer"}, {"status": 0})
"""Facts of a ModelNotReadyError that say that the endpoint took too long."""


class DrawingServices(NamedTuple):
    """What a worker needs."""

    pictures: Pictures
    queue: PictureQueue
    uploads: Storage
    models: Models
    endpoint: EndpointInvoker
    lifecycle: EndpointLifecycle
    now: Callable[[], datetime]
    aliases: Aliases


class PictureFailedError(Exception):
    """The order ends with this code; ``argument`` is the field that the endpoint has refused."""

    def __init__(self, code: str, argument: str | None = None) -> None:
        super().__init__(code)
        self.code, self.argument = code, argument


class PictureWaitsError(Exception):
    """The order is tried again: why, and after how many seconds."""

    def __init__(self, code: str, seconds: int | None = None, *, slow: bool = False) -> None:
        super().__init__(code)
        self.code, self.seconds, self.slow = code, seconds, slow


def draw(services: DrawingServices, task: PictureTask) -> PictureRow | None:
    """Ask the endpoint once for an order; return its row afterwards, None if it is not ours."""
    before = services.pictures.get(task.picture_id)
    if before is None or before.status in ENDED:
        return before
    row = _changed(before, services, status="drawing", attempts=before.attempts + 1)
    if not services.pictures.replace(before, row):  # cancelled, or another worker has it
        return services.pictures.get(task.picture_id)
    began = services.now()
    try:
        after = _draw(services, row)
    except PictureWaitsError as error:
        after = _again(services, row, error)
    except PictureFailedError as error:
        after = _ended(services, row, status="failed", code=error.code, argument=error.argument)
    _measure(services, after, (services.now() - began).total_seconds())
    return after


def _measure(services: DrawingServices, row: PictureRow | None, seconds: float) -> None:
    """Add an order that has ended to the figures of its alias's version."""
    if row is None or row.alias is None:
        return
    more = figures_of(row.status, row.code, len(row.files), seconds)
    if more is not None:
        services.aliases.add(VersionKey(row.tenant, row.alias, row.model_id), more)


def give_up(services: DrawingServices, task: PictureTask) -> None:
    """End an order whose workers have died MAX_RECEIVES times."""
    row = services.pictures.get(task.picture_id)
    if row is not None and row.status not in ENDED:
        _ended(services, row, status="failed", code="internal_error")


def _draw(services: DrawingServices, row: PictureRow) -> PictureRow | None:
    found = find_document(services.uploads, order_key(row), PictureOrder)
    models = services.models.of(row.tenant, row.model_id)
    if found is None or not models:
        raise PictureFailedError("erased")
    drawn = _ask(services, found, models[0])
    return _keep(services, row, found, models[0], drawn)


def _ask(services: DrawingServices, wanted: PictureOrder, model: ModelRecord) -> Drawn:
    """Return the model's pictures.

    Raises:
        PictureWaitsError: the endpoint may draw it later.
        PictureFailedError: it will not.
    """
    body = kserve_request(wanted.prompt, wanted.negative_prompt, wanted.arguments, wanted.image)
    try:
        answer = services.endpoint.invoke(model.target_model, body)
        drawn = parse_pictures(answer, model, services.uploads)
    except ObjectMissingError:
        raise PictureFailedError("erased") from None
    except EndpointMissingError:
        if wake(services.lifecycle, services.now()) == "absent":
            raise PictureFailedError("endpoint_missing") from None
        raise PictureWaitsError("endpoint_starting", STARTING_PAUSE) from None
    except ModelNotReadyError as error:
        slow = any(fact.items() <= error.facts.items() for fact in NO_ANSWER)
        raise PictureWaitsError("model_not_ready", slow=slow) from None
    except WarmUpFailedError as error:
        code = str(error.facts.get("picture_code", error.code))
        if code in PICTURE_CODES and CODES[code].retryable:
            raise PictureWaitsError(code, slow=code == "not_in_time") from None
        argument = error.facts.get("picture_argument")
        raise PictureFailedError(code, None if argument is None else str(argument)) from None
    # At lora_scale 0 the base draws alone.
    weights = model.weights_sha256 if wanted.arguments.lora_scale else None
    if drawn.info.adapter_sha256 != weights:
        raise PictureFailedError("warm_up_failed")
    return drawn


def _keep(
    services: DrawingServices,
    row: PictureRow,
    wanted: PictureOrder,
    model: ModelRecord,
    drawn: Drawn,
) -> PictureRow | None:
    """Store the pictures; take them away again if the order was cancelled or erased meanwhile."""
    prefix = prefix_of(row)
    files = tuple(
        DrawnFile(file=layout.uploads.picture_file(number, "png"), seed=seed, sha256=_hash(picture))
        for number, (seed, picture) in enumerate(zip(drawn.info.seeds, drawn.pictures, strict=True))
    )
    for file, picture in zip(files, drawn.pictures, strict=True):
        services.uploads.write(prefix + file.file, picture, "image/png")
    about = StoredPictures(
        endpoint=services.endpoint.name,
        model=model.target_model,
        prompt=wanted.prompt,
        negative_prompt=wanted.negative_prompt,
        arguments=wanted.arguments.model_copy(update={"mask_image": None}),
        info=drawn.info,
        files={file.file: file.sha256 for file in files},
        created_at=services.now().isoformat(),
    )
    write_document(services.uploads, prefix + layout.uploads.PICTURES_FILE, about)
    changes: dict[str, object] = {
        "status": "succeeded",
        "files": files,
        "width": drawn.info.width,
        "height": drawn.info.height,
    }
    erased = services.uploads.head(order_key(row)) is None
    if erased:
        changes = {"status": "failed", "code": "erased"}
    after = _ended(services, row, **changes)
    if after is None or erased:
        for name in (*(file.file for file in files), layout.uploads.PICTURES_FILE):
            services.uploads.delete(prefix + name)
    return after or services.pictures.get(row.picture_id)


def _again(
    services: DrawingServices, row: PictureRow, error: PictureWaitsError
) -> PictureRow | None:
    """Queue the order once more, unless it has waited long enough."""
    slow = row.slow + error.slow
    if slow >= MAX_SLOW:
        return _ended(services, row, status="failed", code="picture_too_slow", slow=slow)
    if services.now() - datetime.fromisoformat(row.created_at) > MAX_AGE:
        return _ended(services, row, status="failed", code="picture_not_in_time")
    after = _changed(row, services, status="queued", waiting_for=error.code, slow=slow)
    if not services.pictures.replace(row, after):
        return services.pictures.get(row.picture_id)
    pause = PAUSES[min(row.attempts, len(PAUSES)) - 1] if error.seconds is None else error.seconds
    services.queue.send(PictureTask(picture_id=row.picture_id), pause)
    return after


def _ended(services: DrawingServices, row: PictureRow, **changes: object) -> PictureRow | None:
    """Store an order's end; None: it was cancelled before."""
    after = _changed(row, services, waiting_for=None, **changes)
    return after if services.pictures.replace(row, after) else None


def _changed(row: PictureRow, services: DrawingServices, **changes: object) -> PictureRow:
    return PictureRow.model_validate(
        {**dict(row), "updated_at": services.now().isoformat(), **changes}
    )


def _hash(body: bytes) -> str:
    return sha256(body).hexdigest()
