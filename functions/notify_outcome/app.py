"""The outer net, notify_outcome: an execution ended red, and perhaps nobody was told.

In     ExecutionEnded   EventBridge's "Step Functions Execution Status Change"
Out    nothing          a Notice is published, unless notify_failure did
"""

from aws.jobs import DynamoJobs
from aws.notifier import SnsNotifier
from aws.storage import S3Storage
from contracts.stages import ExecutionEnded
from domain.notices import Desk
from domain.outcomes import notify_outcome
from runtime.clock import now
from runtime.failures import CountingNotifier
from runtime.stage import bind, listener


@listener
def lambda_handler(news: ExecutionEnded) -> None:
    desk = Desk(
        documents=S3Storage.from_env("MODELS_BUCKET"),
        jobs=DynamoJobs.from_env(),
        notifier=CountingNotifier(SnsNotifier.from_env()),
    )
    bind(notify_outcome(news, desk, now()))
