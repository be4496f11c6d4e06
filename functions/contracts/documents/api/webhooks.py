"""Webhooks: addresses of a tenant that are told of its jobs, as Standard Webhooks has it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.document import Document, OpaqueId
from contracts.documents.status import StatusChange

EventType = Literal["job.changed", "job.ended", "appeal.decided", "ping"]
"""``job.changed``: any change of status, stage or percent; ``job.ended``: the job has succeeded,
failed or was canceled; ``appeal.decided``: an operator has granted or refused an appeal; ``ping``:
somebody asked for a test."""

WebhookId = Annotated[str, StringConstraints(pattern=r"^wh_[0-9a-f]{16}$")]

MessageId = Annotated[str, StringConstraints(pattern=r"^msg_[0-9a-f]{32}$")]
"""The same for every delivery of one event, replays too: a receiver knows what it has seen."""

Url = Annotated[str, StringConstraints(min_length=8, max_length=2000)]

Secret = Annotated[str, StringConstraints(pattern=r"^whsec_[A-Za-z0-9+/]{43}=$")]
"""32 random bytes in base64. Unlike an API key it is kept as it is, since it signs."""

Outcome = Literal["waiting", "delivered", "failed", "given_up", "gone"]
"""``waiting``: not tried yet; ``failed``: is tried again; ``given_up``: the last try failed;
``gone``: the receiver answered 410, and the webhook is disabled."""

Failure = Literal["address_refused", "no_answer", "too_slow", "not_accepted", "redirected"]
"""Why a delivery failed: the address is private or has no name; no connection; no answer in time;
a status that is not 2xx; a redirect, which is never followed."""


class WebhookSecret(Document):
    """One of a webhook's secrets."""

    secret: Secret

    expires_at: str | None = None
    """After a rotation the old secret signs beside the new one until then."""


class Webhook(Document):
    """One webhook as it is stored. Times are ISO 8601 in UTC."""

    schema_version: Literal[1] = 1

    webhook_id: WebhookId

    tenant: OpaqueId

    url: Url

    events: Annotated[tuple[EventType, ...], Field(min_length=1)]

    secrets: Annotated[tuple[WebhookSecret, ...], Field(min_length=1, max_length=2)]
    """The newest first."""

    created_at: str

    disabled_at: str | None = None
    """The receiver answered 410 (gone) then; nothing is sent to it any more."""


class WebhookMessage(Document):
    """The body of a delivery."""

    type: EventType

    timestamp: str
    """When the event happened, not when it was sent."""

    data: dict[str, Any]
    """For a job the fields of StatusChange, for an appeal those of AppealView: ids only, no file
    names and no prompts."""


class WebhookTask(Document):
    """A message of the queue: deliver this to that webhook."""

    schema_version: Literal[1] = 1

    webhook_id: WebhookId

    message_id: MessageId

    message: WebhookMessage


class WebhookDelivery(Document):
    """What became of one message, kept for some days so that it can be sent again."""

    schema_version: Literal[1] = 1

    task: WebhookTask

    tenant: OpaqueId

    outcome: Outcome = "waiting"

    attempts: Annotated[int, Field(ge=0)] = 0

    failure: Failure | None = None

    http_status: int | None = None
    """Status of the receiver's last answer; absent when there was none."""

    updated_at: str


# --- what callers of the API send and get -------------------------------------------------------


class WebhookRequest(Document):
    """Body of ``POST /v1/webhooks``."""

    url: Url

    events: Annotated[tuple[EventType, ...], Field(min_length=1, max_length=4)] = ("job.ended",)


class WebhookView(Document):
    """One webhook, without its secrets."""

    object: Literal["webhook"] = "webhook"

    id: WebhookId

    url: Url

    events: tuple[EventType, ...]

    created_at: str

    disabled_at: str | None = None

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookView":
        """Return what a caller may see of a webhook."""
        names = {"url", "events", "created_at", "disabled_at"}
        return cls(id=webhook.webhook_id, **webhook.model_dump(include=names))


class WebhookWithSecret(WebhookView):
    """A webhook that was just made or whose secret was just changed."""

    secret: Secret | None
    """Shown this once; null when the same request is repeated with its Idempotency-Key."""


class WebhookPage(Document):
    """The tenant's webhooks."""

    object: Literal["list"] = "list"

    data: tuple[WebhookView, ...]


class DeliveryView(Document):
    """One delivery."""

    object: Literal["webhook_delivery"] = "webhook_delivery"

    id: MessageId

    type: EventType

    outcome: Outcome

    attempts: int

    failure: Failure | None = None

    http_status: int | None = None

    updated_at: str

    @classmethod
    def of(cls, found: WebhookDelivery) -> "DeliveryView":
        """Return what a caller may see of a delivery."""
        names = {"outcome", "attempts", "failure", "http_status", "updated_at"}
        task = found.task
        return cls(id=task.message_id, type=task.message.type, **found.model_dump(include=names))


class DeliveryPage(Document):
    """The webhook's newest deliveries."""

    object: Literal["list"] = "list"

    data: tuple[DeliveryView, ...]


# --- what AWS sends -----------------------------------------------------------------------------


class QueueRecord(BaseModel):
    """One message of an SQS event; a document of AWS, which may get more fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    receipt_handle: str = Field(alias="receiptHandle")

    message_id: str = Field(alias="messageId")

    body: str

    attributes: dict[str, str]
    """``ApproximateReceiveCount``: how often the message was received, this time included."""

    @property
    def attempt(self) -> int:
        """Return the number of this try, from 1."""
        return int(self.attributes["ApproximateReceiveCount"])


class QueueEvent(BaseModel):
    """An SQS event."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    records: tuple[QueueRecord, ...] = Field(alias="Records")


class _FailedRecord(BaseModel):
    itemIdentifier: str  # noqa: N815 - Lambda's name


class QueueAnswer(BaseModel):
    """Which messages of the batch stay in the queue (partial batch response)."""

    batchItemFailures: tuple[_FailedRecord, ...] = ()  # noqa: N815 - Lambda's name

    @classmethod
    def keeping(cls, records: list[QueueRecord]) -> "QueueAnswer":
        """Return the answer that keeps these messages in the queue."""
        return cls(
            batchItemFailures=tuple(_FailedRecord(itemIdentifier=r.message_id) for r in records)
        )


def events_of(change: StatusChange) -> tuple[EventType, ...]:
    """Return the types of event that a change of a job's status is; a trial's end is no end."""
    ended = change.status in {"succeeded", "failed", "canceled"} and change.trial_of is None
    return ("job.ended", "job.changed") if ended else ("job.changed",)
