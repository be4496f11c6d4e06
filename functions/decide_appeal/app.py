"""Beside the states, decide_appeal: an operator's yes or no; `likeness appeals` calls it.

In     AppealOrder     from anybody who may invoke this function: give that permission to operators
Out    AppealAnswer    a granted text is let through within seconds, for its tenant alone
Fails  nothing on purpose; the same order again finishes what is left undone
"""

from aws.api.appeals import DynamoAppeals
from aws.api.webhooks import DynamoWebhooks, SqsWebhookQueue
from aws.audit import DynamoAudit
from aws.storage import S3Storage
from contracts.documents.appeal import AppealAnswer, AppealOrder
from domain.appeals.deciding import AppealServices, decide
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: AppealOrder) -> AppealAnswer:
    services = AppealServices(
        appeals=DynamoAppeals.from_env(),
        models=S3Storage.from_env("MODELS_BUCKET"),
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        audit=DynamoAudit.from_env(),
        webhooks=DynamoWebhooks.from_env(),
        queue=SqsWebhookQueue.from_env(),
    )
    return decide(given, services, now())
