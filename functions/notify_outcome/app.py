"""The outer net, notify_outcome: an execution ended red, and perhaps nobody was told.

In     ExecutionEnded   EventBridge's "Step Functions Execution Status Change"
Out    nothing          a Notice is published, unless notify_failure did
"""

from aws.jobs.table import DynamoJobs
from aws.notifier import SnsNotifier
from aws.storage import S3Storage
from contracts.documents.stages import ExecutionEnded
from domain.notices.notices import Desk
from domain.notices.uncaught import notify_outcome
from runtime.clock import now
from runtime.failure_metrics import CountingNotifier
from runtime.handlers import bind, listener


@listener
def lambda_handler(news: ExecutionEnded) -> None:
    desk = Desk(
        documents=S3Storage.from_env("MODELS_BUCKET"),
        jobs=DynamoJobs.from_env(),
        notifier=CountingNotifier(SnsNotifier.from_env()),
    )
    bind(notify_outcome(news, desk, now()))
