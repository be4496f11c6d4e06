"""The next state after every failure, notify_failure: send the owner what, why and what to do.

In     NotifyFailureInput   from any stage's Catch
Out    DeliveryReceipt      for the history; the Notice itself is published to the topic
Fails  nothing on purpose; notify_outcome sends the notice if this function cannot
"""

from aws.notifier import SnsNotifier
from aws.wiring import notice_services
from contracts.documents.notice import DeliveryReceipt
from contracts.documents.stages import NotifyFailureInput
from domain.notices.notices import notify_failure
from runtime.clock import now
from runtime.failure_metrics import CountingNotifier
from runtime.handlers import stage


@stage
def lambda_handler(given: NotifyFailureInput) -> DeliveryReceipt:
    services = notice_services(CountingNotifier(SnsNotifier.from_env()))
    return DeliveryReceipt.of(notify_failure(given, services, now()))
