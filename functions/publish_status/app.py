"""Beside the states, publish_status: publish the status changes of jobs to their subscribers.

In     TableStreamEvent   the jobs table's stream
Out    nothing            for each change a StatusChange on EventBridge and on the status topic,
                          and a message for each webhook of the tenant that wants it
Fails  anything           the batch is tried again, so a change may be published twice
"""

from aws.api.webhooks import DynamoWebhooks, SqsWebhookQueue
from aws.jobs.changes import Broadcaster, changes_in
from contracts.documents.status import TableStreamEvent
from domain.training.progress import changes_of
from domain.webhooks.fan_out import fan_out
from runtime.clock import now
from runtime.handlers import listener


@listener
def lambda_handler(event: TableStreamEvent) -> None:
    changes = changes_of(changes_in(event))
    Broadcaster.from_env().publish(changes)
    fan_out(DynamoWebhooks.from_env(), SqsWebhookQueue.from_env(), changes, now())
