"""/v1/webhooks: addresses of the tenant that are told of its jobs."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.documents.api.webhooks import (
    DeliveryPage,
    DeliveryView,
    MessageId,
    Webhook,
    WebhookId,
    WebhookPage,
    WebhookRequest,
    WebhookView,
    WebhookWithSecret,
)
from domain.webhooks import registering
from domain.webhooks.addresses import AddressRefusedError
from domain.webhooks.registering import TooManyWebhooksError, UnknownWebhookError
from http_api.asking import caller, new_router, services
from http_api.paging import Limit
from http_api.problems import ApiError

router = new_router()

OwnWebhook = Annotated[WebhookId, Path(description="Id of one of the tenant's webhooks.")]
OwnMessage = Annotated[MessageId, Path(description="Id of a message, as in `webhook-id`.")]


@router.post("/v1/webhooks", summary="Add a webhook", tags=["webhooks"])
def add_webhook(body: WebhookRequest) -> WebhookWithSecret:
    """Store an address that is told of the tenant's jobs; the secret is shown this once."""
    tenant, found = caller(router, "admin").tenant, services(router)
    try:
        made = registering.register(found.webhooks, tenant, body.url, body.events, found.now())
    except AddressRefusedError:
        raise ApiError("webhook_address_refused") from None
    except TooManyWebhooksError:
        raise ApiError("too_many_webhooks") from None
    return _with_secret(made)


@router.get("/v1/webhooks", summary="List webhooks", tags=["webhooks"])
def list_webhooks() -> WebhookPage:
    """Return the tenant's webhooks, the newest first."""
    tenant = caller(router, "admin").tenant
    rows = services(router).webhooks.webhooks.of(tenant)
    return WebhookPage(data=tuple(map(WebhookView.of, rows)))


@router.delete("/v1/webhooks/<webhook_id>", summary="Remove a webhook", tags=["webhooks"])
def remove_webhook(webhook_id: OwnWebhook) -> WebhookView:
    """Remove a webhook; nothing more is sent to it."""
    tenant, store = caller(router, "admin").tenant, services(router).webhooks.webhooks
    try:
        found = registering.own_webhook(store, tenant, webhook_id)
    except UnknownWebhookError:
        raise ApiError("not_found") from None
    store.remove(webhook_id)
    return WebhookView.of(found)


@router.post("/v1/webhooks/<webhook_id>:rotate", summary="Change the secret", tags=["webhooks"])
def rotate_secret(webhook_id: OwnWebhook) -> WebhookWithSecret:
    """Make a new secret; for a day each message is signed with the old one too."""
    tenant, found = caller(router, "admin").tenant, services(router)
    try:
        changed = registering.rotate(found.webhooks.webhooks, tenant, webhook_id, found.now())
    except UnknownWebhookError:
        raise ApiError("not_found") from None
    return _with_secret(changed)


@router.post("/v1/webhooks/<webhook_id>:test", summary="Send a test message", tags=["webhooks"])
def test_webhook(webhook_id: OwnWebhook) -> DeliveryView:
    """Queue a message of type `ping`; a webhook that was disabled is enabled again."""
    tenant, found = caller(router, "admin").tenant, services(router)
    try:
        queued = registering.ping(found.webhooks, tenant, webhook_id, found.now())
    except UnknownWebhookError:
        raise ApiError("not_found") from None
    return DeliveryView.of(queued)


@router.get("/v1/webhooks/<webhook_id>/deliveries", summary="List deliveries", tags=["webhooks"])
def list_deliveries(webhook_id: OwnWebhook, limit: Limit = 20) -> DeliveryPage:
    """Return what became of the newest messages of the last seven days."""
    tenant, store = caller(router, "admin").tenant, services(router).webhooks.webhooks
    try:
        registering.own_webhook(store, tenant, webhook_id)
    except UnknownWebhookError:
        raise ApiError("not_found") from None
    rows = store.deliveries(webhook_id, limit)
    return DeliveryPage(data=tuple(map(DeliveryView.of, rows)))


@router.post(
    "/v1/webhooks/<webhook_id>/deliveries/<message_id>:replay",
    summary="Send a message again",
    tags=["webhooks"],
)
def replay_delivery(webhook_id: OwnWebhook, message_id: OwnMessage) -> DeliveryView:
    """Queue a message of the last seven days again, with the id that it had."""
    tenant, found = caller(router, "admin").tenant, services(router)
    try:
        queued = registering.replay(found.webhooks, tenant, webhook_id, message_id, found.now())
    except UnknownWebhookError:
        raise ApiError("not_found") from None
    return DeliveryView.of(queued)


def _with_secret(webhook: Webhook) -> WebhookWithSecret:
    view = WebhookView.of(webhook)
    return WebhookWithSecret(**view.model_dump(), secret=webhook.secrets[0].secret)
