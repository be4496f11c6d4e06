"""Beside the states, publish_status: publish the status changes of jobs to their subscribers.

In     TableStreamEvent   the jobs table's stream
Out    nothing            a StatusChange on EventBridge and on the status topic, for each change
Fails  anything           the batch is tried again, so a change may be published twice
"""

from aws.changes import Broadcaster, changes_in
from contracts.documents.status import TableStreamEvent
from domain.training.progress import changes_of
from runtime.handlers import listener


@listener
def lambda_handler(event: TableStreamEvent) -> None:
    Broadcaster.from_env().publish(changes_of(changes_in(event)))
