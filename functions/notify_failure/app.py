"""The way out of every failure, notify_failure: tell the owner what, why and what to do.

In     NotifyFailureInput   from any stage's Catch
Out    Told                 for the history; the Notice itself is published to the topic
Fails  nothing on purpose; notify_outcome is the net below it
"""

from aws.jobs.table import DynamoJobs
from aws.notifier import SnsNotifier
from aws.storage import S3Storage
from contracts.documents.notice import Told
from contracts.documents.stages import NotifyFailureInput
from domain.notices.notices import Desk, notify_failure
from runtime.clock import now
from runtime.failure_metrics import CountingNotifier
from runtime.handlers import stage


@stage
def lambda_handler(given: NotifyFailureInput) -> Told:
    desk = Desk(
        documents=S3Storage.from_env("MODELS_BUCKET"),
        jobs=DynamoJobs.from_env(),
        notifier=CountingNotifier(SnsNotifier.from_env()),
    )
    return Told.of(notify_failure(given, desk, now()))
