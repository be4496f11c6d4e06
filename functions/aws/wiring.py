"""The services of the functions around a training, made from the environment."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic

from pydantic import ValidationError

from aws import settings
from aws.api.aliases import DynamoAliases
from aws.api.api_keys import DynamoApiKeys
from aws.api.appeals import DynamoAppeals
from aws.api.consents import DynamoConsents
from aws.api.exports import DynamoExports, S3Archives, S3Reader
from aws.api.front_door import DynamoApprovals
from aws.api.hub import NONE, hub_bucket_from_env
from aws.api.people import CognitoPeople
from aws.api.pictures import DynamoPictures
from aws.api.webhooks import DynamoWebhooks
from aws.audit import DynamoAudit
from aws.callbacks import StepFunctionsCallbacks
from aws.clients import client
from aws.endpoint.models import DynamoModels
from aws.erasure.dead_letters import SqsDeadLetters
from aws.erasure.erasures import DynamoErasures
from aws.erasure.executions import StepFunctionsExecutions
from aws.erasure.signer import KmsSigner
from aws.erasure.versions import S3Versions
from aws.erasure.warm_pools import SageMakerWarmPools
from aws.jobs.table import DynamoJobs
from aws.notifier import SnsNotifier
from aws.parameters.marks import marks_from_env
from aws.rate_limit import RateLimiter
from aws.storage import S3Storage
from aws.training import SageMakerTrainer, settings_from_env
from contracts.shared.people.thresholds import IntakeThresholds
from domain.erasure.receipts import KeptElsewhere, ReceiptServices
from domain.erasure.services import ErasingServices, StoppingServices
from domain.exporting.services import ExportServices
from domain.notices.services import NoticeServices
from domain.ports.notifier import Notifier
from domain.pricing.agreement import PricingServices
from domain.pricing.prices import PriceTable
from domain.training.services import LaunchServices, TrainingServices

LAUNCHING_SECONDS = 40
"""Seconds of the 60 s Lambda time-out spent on launching; the remaining 20 s let the current launch
finish."""

FOLLOWING_SECONDS = 25
"""Seconds of the same 60 s that reconcile spends on following trainings; cost records and the
launcher come after."""

ERASING_SECONDS = 600
"""Seconds of the 900 s of erase_stores after which no more prefixes are begun."""

BILLING_SECONDS = 10
"""Seconds of the same 60 s that reconcile spends on open cost records."""


def training_services() -> TrainingServices:
    """Return the table, the models bucket, SageMaker and Step Functions."""
    return TrainingServices(
        jobs=DynamoJobs.from_env(),
        models=S3Storage.from_env("MODELS_BUCKET"),
        trainer=SageMakerTrainer.from_env(),
        callbacks=StepFunctionsCallbacks.from_env(),
        prices=prices_from_env(),
    )


def launch_services() -> LaunchServices:
    """Return what launching needs: ``has_time`` limits its rate and its time."""
    in_time, limiter = time_for(LAUNCHING_SECONDS), RateLimiter()

    def has_time() -> bool:
        limiter.wait()
        return in_time()

    return LaunchServices(
        training=training_services(),
        bases=S3Storage.from_env("BASES_BUCKET"),
        settings=settings_from_env(),
        marks=marks_from_env(),
        has_time=has_time,
    )


def pricing_services() -> PricingServices:
    """Return what agreeing on a price needs."""
    return PricingServices(
        jobs=DynamoJobs.from_env(),
        models=S3Storage.from_env("MODELS_BUCKET"),
        bases=S3Storage.from_env("BASES_BUCKET"),
        instance_type=settings.text("TRAINING_INSTANCE_TYPE"),
        prices=prices_from_env(),
    )


def prices_from_env() -> PriceTable:
    """Return the price table, with the operator's price of the stack's own instance type."""
    usd = settings.decimal("TRAINING_PRICE_USD_PER_HOUR")
    own = {settings.text("TRAINING_INSTANCE_TYPE"): usd} if usd else {}
    return PriceTable(own, num_processes=settings.number("NUM_PROCESSES"))


def thresholds_from_env() -> IntakeThresholds:
    """Return the operator's thresholds of intake.

    Raises:
        MissingVariableError: the variable is not the JSON of thresholds within their bounds.
    """
    try:
        return IntakeThresholds.model_validate_json(settings.text("INTAKE_THRESHOLDS"))
    except ValidationError as error:
        named = ", ".join(str(next(iter(one["loc"]), "all")) for one in error.errors())
        message = f"environment variable INTAKE_THRESHOLDS: {named}; see template.yaml"
        raise settings.MissingVariableError(message) from None


def notice_services(notifier: Notifier | None = None) -> NoticeServices:
    """Return the models bucket, the table and the topic, or another notifier in its place."""
    return NoticeServices(
        documents=S3Storage.from_env("MODELS_BUCKET"),
        jobs=DynamoJobs.from_env(),
        notifier=SnsNotifier.from_env() if notifier is None else notifier,
    )


def time_for(seconds: float) -> Callable[[], bool]:
    """Return a function that is true until ``seconds`` have passed."""
    end = monotonic() + seconds
    return lambda: monotonic() < end


def erasing_services() -> ErasingServices:
    """Return what emptying the stores needs."""
    return ErasingServices(
        erasures=DynamoErasures.from_env(),
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        models=S3Storage.from_env("MODELS_BUCKET"),
        uploads_versions=S3Versions.from_env("UPLOADS_BUCKET"),
        models_versions=S3Versions.from_env("MODELS_BUCKET"),
        dead_letters=SqsDeadLetters.from_env(),
        pools=SageMakerWarmPools.from_env(),
        people=CognitoPeople.from_env(),
        hub_versions=hub_versions(),
        has_time=time_for(ERASING_SECONDS),
    )


def hub_versions() -> S3Versions | None:
    """Return the hub's bucket; None where the operator has named none."""
    bucket = hub_bucket_from_env()
    return None if bucket is None else S3Versions(bucket, client("s3"))


def export_services(now: Callable[[], datetime]) -> ExportServices:
    """Return what exporting somebody's data needs."""
    return ExportServices(
        erasures=DynamoErasures.from_env(),
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        models=S3Storage.from_env("MODELS_BUCKET"),
        uploads_versions=S3Versions.from_env("UPLOADS_BUCKET"),
        models_versions=S3Versions.from_env("MODELS_BUCKET"),
        exports=DynamoExports.from_env(),
        archives=S3Archives.from_env(),
        upload_files=S3Reader.from_env("UPLOADS_BUCKET"),
        model_files=S3Reader.from_env("MODELS_BUCKET"),
        model_rows=DynamoModels.from_env(),
        consents=DynamoConsents.from_env(),
        audit=DynamoAudit.from_env(),
        keys=DynamoApiKeys.from_env(),
        webhooks=DynamoWebhooks.from_env(),
        pictures=DynamoPictures.from_env(),
        approvals=DynamoApprovals.from_env(),
        appeals=DynamoAppeals.from_env(),
        aliases=DynamoAliases.from_env(),
        people=CognitoPeople.from_env(),
        elsewhere=elsewhere_from_env(),
        now=now,
    )


def stopping_services() -> StoppingServices:
    """Return what stopping the work on a subject needs."""
    return StoppingServices(
        erasures=DynamoErasures.from_env(),
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        models=S3Storage.from_env("MODELS_BUCKET"),
        uploads_versions=S3Versions.from_env("UPLOADS_BUCKET"),
        models_versions=S3Versions.from_env("MODELS_BUCKET"),
        jobs=DynamoJobs.from_env(),
        trainer=SageMakerTrainer.from_env(),
        callbacks=StepFunctionsCallbacks.from_env(),
        executions=StepFunctionsExecutions.from_env(),
        people=CognitoPeople.from_env(),
    )


def receipt_services() -> ReceiptServices:
    """Return what writing a receipt needs."""
    return ReceiptServices(
        erasures=DynamoErasures.from_env(),
        models=S3Storage.from_env("MODELS_BUCKET"),
        signer=KmsSigner.from_env(),
        elsewhere=elsewhere_from_env(),
        consents=DynamoConsents.from_env(),
    )


def elsewhere_from_env() -> KeptElsewhere:
    """Return what is kept where no erasure deletes, as the template's parameters say."""
    return KeptElsewhere(
        log_days=settings.number("LOG_RETENTION_DAYS"),
        audit_days=settings.number("AUDIT_RETENTION_DAYS"),
        mlflow=settings.text("MLFLOW_TRACKING") != NONE,
        data_events=settings.text("DATA_EVENTS_BUCKET") != NONE,
    )
