"""Beside the states, watch_takedowns: every five minutes, how long a report waits for an operator.

In     nothing          from a schedule
Out    nothing          the metric TakedownHours, which raises an alarm before 48 hours are over
Fails  anything         the next look may succeed
"""

from aws.api.takedowns import DynamoTakedowns
from domain.takedown.deciding import oldest_waiting
from runtime.clock import now
from runtime.handlers import listener
from runtime.metrics import report


@listener
def lambda_handler() -> None:
    waiting = oldest_waiting(DynamoTakedowns.from_env(), now())
    report("TakedownHours", waiting.total_seconds() / 3600)
