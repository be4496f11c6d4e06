"""Beside the states, tell_status: what changed in the jobs table, for whoever wants to watch.

In     TableNews   the table's stream
Out    nothing     a StatusChange on EventBridge and on the status topic, for each change
Fails  anything    the batch is tried again, so a change may be told twice
"""

from aws.changes import Broadcaster, changes_in
from contracts.documents.status import TableNews
from domain.training.progress import changes_of
from runtime.handlers import listener


@listener
def lambda_handler(news: TableNews) -> None:
    Broadcaster.from_env().publish(changes_of(changes_in(news)))
