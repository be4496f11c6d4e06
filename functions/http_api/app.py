"""Beside the states, http_api: the HTTP API of docs/api.md; routes/ has a file for each resource.

In     an HTTP request of API Gateway (payload 2.0), with what ``authorize`` has found out
Out    an HTTP response; errors are problem+json with a code of docs/codes.md
Fails  nothing on purpose: what goes wrong is answered as ``internal_error``
"""

from typing import Any

from aws import settings
from aws.api.aliases import DynamoAliases
from aws.api.api_keys import DynamoApiKeys
from aws.api.appeals import DynamoAppeals, LambdaAppealDecider
from aws.api.consents import DynamoConsents
from aws.api.exports import DynamoExports, LambdaExporter
from aws.api.front_door import (
    DynamoApprovals,
    DynamoShortMemory,
    DynamoTenantJobs,
    LambdaCanceller,
    LambdaPhotoInspector,
    LambdaVerifier,
    S3Signer,
    StatesRedriver,
)
from aws.api.hub import S3Hub
from aws.api.people import CognitoPeople
from aws.api.pictures import DynamoPictures, SqsPictureQueue
from aws.api.takedowns import DynamoTakedowns, LambdaDecider
from aws.api.webhooks import DynamoWebhooks, SqsWebhookQueue
from aws.audit import DynamoAudit
from aws.endpoint.models import DynamoModels
from aws.erasure.eraser import LambdaEraser
from aws.erasure.erasures import DynamoTombstones
from aws.erasure.versions import S3Versions
from aws.parameters.bases import bases_from_env
from aws.parameters.consent import consent_rules_from_env
from aws.parameters.quotas import quotas_from_env
from aws.storage import S3Storage
from aws.wiring import prices_from_env
from domain.pictures.ordering import OrderServices
from domain.webhooks.registering import WebhookServices
from http_api.front import make_app
from http_api.services import Limits, Pricing, Services
from runtime.handlers import stage
from runtime.imaging.sandbox import ChildDecoder

APP = make_app()


@stage
def lambda_handler(event: dict[str, Any]) -> dict[str, Any]:
    return APP.answer(event, _services())


def _services() -> Services:
    """Open the stores that the template's variables name."""
    return Services(
        audit=DynamoAudit.from_env(),
        eraser=LambdaEraser.from_env(),
        tombstones=DynamoTombstones.from_env(),
        keys=DynamoApiKeys.from_env(),
        people=CognitoPeople.from_env(),
        models=DynamoModels.from_env(),
        jobs=DynamoTenantJobs.from_env(),
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        forms=S3Signer.from_env("UPLOADS_BUCKET"),
        documents=S3Storage.from_env("MODELS_BUCKET"),
        hub=S3Hub.from_env(),
        links=S3Signer.from_env("MODELS_BUCKET"),
        approvals=DynamoApprovals.from_env(),
        aliases=DynamoAliases.from_env(),
        inspector=LambdaPhotoInspector.from_env(),
        bases=bases_from_env(),
        canceller=LambdaCanceller.from_env(),
        redriver=StatesRedriver(),
        photo_versions=S3Versions.from_env("UPLOADS_BUCKET"),
        memory=DynamoShortMemory.from_env(),
        pictures=_pictures(),
        limits=_limits(),
        takedowns=DynamoTakedowns.from_env(),
        appeals=DynamoAppeals.from_env(),
        appeal_decider=LambdaAppealDecider.from_env(),
        decider=LambdaDecider.from_env(),
        verifier=LambdaVerifier.from_env(),
        decoder=ChildDecoder(),
        webhooks=_webhooks(),
        consent=consent_rules_from_env(),
        consents=DynamoConsents.from_env(),
        exports=DynamoExports.from_env(),
        exporter=LambdaExporter.from_env(),
        pricing=Pricing(settings.text("TRAINING_INSTANCE_TYPE"), prices_from_env()),
    )


def _pictures() -> OrderServices:
    """Open the orders of pictures, their queue and where the pictures are."""
    bucket = S3Storage.from_env("UPLOADS_BUCKET")
    return OrderServices(DynamoPictures.from_env(), SqsPictureQueue.from_env(), bucket)


def _limits() -> Limits:
    """Read how much a tenant, and anybody, may ask for."""
    return Limits(
        requests_per_minute=settings.number("REQUESTS_PER_MINUTE"),
        trainings_per_day=settings.number("TRAININGS_PER_DAY"),
        pictures_per_minute=settings.number("PICTURES_PER_MINUTE"),
        reports_per_hour=settings.number("REPORTS_PER_HOUR"),
        verifications_per_hour=settings.number("VERIFICATIONS_PER_HOUR"),
        quotas=quotas_from_env(),
        approval_required=settings.text("APPROVAL_REQUIRED") == "true",
        retention_days=settings.number("PHOTO_RETENTION_DAYS"),
    )


def _webhooks() -> WebhookServices:
    """Open the webhooks and their queue."""
    private = settings.text("WEBHOOK_ADDRESSES") == "any"
    return WebhookServices(DynamoWebhooks.from_env(), SqsWebhookQueue.from_env(), private=private)
