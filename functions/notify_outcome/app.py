"""Beside the states, notify_outcome: a notice for failed executions that no state could send.

In     ExecutionEnded   EventBridge's "Step Functions Execution Status Change"
Out    nothing          a Notice is published, unless notify_failure did it
Fails  anything         Lambda tries again; the same notice has the same id
"""

from aws.notifier import SnsNotifier
from aws.wiring import notice_services
from contracts.documents.stages import ExecutionEnded
from domain.notices.uncaught import notify_outcome
from runtime.clock import now
from runtime.failure_metrics import CountingNotifier
from runtime.handlers import bind, listener


@listener
def lambda_handler(event: ExecutionEnded) -> None:
    services = notice_services(CountingNotifier(SnsNotifier.from_env()))
    bind(notify_outcome(event, services, now()))
