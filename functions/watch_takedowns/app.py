"""Beside the states, watch_takedowns: every five minutes, what waits for an operator, and how long.

In     nothing          from a schedule
Out    nothing          the metrics TakedownHours and AppealHours, which raise alarms; operators are
                        told of new appeals
Fails  anything         the next look may succeed
"""

from aws.api.appeals import DynamoAppeals
from aws.api.takedowns import DynamoTakedowns, SnsOperators
from domain.appeals.watching import WatchServices, watch
from domain.takedown.deciding import oldest_waiting
from runtime.clock import now
from runtime.handlers import listener
from runtime.metrics import report


@listener
def lambda_handler() -> None:
    cases = DynamoTakedowns.from_env()
    report("TakedownHours", oldest_waiting(cases, now()).total_seconds() / 3600)
    services = WatchServices(DynamoAppeals.from_env(), cases, SnsOperators.from_env())
    report("AppealHours", watch(services, now()).total_seconds() / 3600)
