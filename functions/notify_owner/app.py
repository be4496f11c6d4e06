"""Stage 6, notify_owner: store the model's record and send the owner the notice.

In     NotifyOwnerInput   from warm_model
       DryRunInput        from inspect_photos, for a dry run
Out    DeliveryReceipt    the execution's output; the Notice itself is published to the topic
Fails  nothing on purpose
"""

from datetime import timedelta

from aws import settings
from aws.endpoint.models import DynamoModels
from aws.erasure.expiries import DynamoExpiries, DynamoUnusedModels
from aws.wiring import notice_services, training_services
from contracts.documents.notice import DeliveryReceipt
from contracts.documents.stages import DryRunInput, NotifyOwnerInput
from contracts.shared.people.retention import UNUSED_MODELS
from domain.erasure.unused import first_look
from domain.notices.dry_run import answer_dry_run
from domain.notices.notices import notify_owner
from domain.training.billing import settle_so_far
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: NotifyOwnerInput | DryRunInput) -> DeliveryReceipt:
    services = notice_services()
    if isinstance(given, DryRunInput):
        return DeliveryReceipt.of(answer_dry_run(given, services, now()))
    trained = given.trained
    settle_so_far(training_services(), trained.training_job_name, trained.job_id, now())
    notice = notify_owner(given, services, DynamoModels.from_env(), now())
    DynamoExpiries.from_env().add(given.job, now() + kept_after_training())
    DynamoUnusedModels.from_env().add(given.job, first_look(now(), kept_unused()))
    return DeliveryReceipt.of(notice)


def kept_unused() -> timedelta:
    """Return how long an unused model stays; a stack that keeps all may change its mind."""
    return timedelta(days=settings.number("UNUSED_MODEL_DAYS")) or UNUSED_MODELS


def kept_after_training() -> timedelta:
    """Return how long photos stay after their training has succeeded."""
    return timedelta(hours=settings.number("PHOTOS_AFTER_TRAINING_HOURS"))
