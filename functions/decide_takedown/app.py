"""Beside the states, decide_takedown: an operator's yes or no; `likeness takedown` calls it.

In     TakedownOrder    from anybody who may invoke this function: give that permission to operators
Out    TakedownAnswer   disabled models draw nothing more within seconds
Fails  nothing on purpose; the same order again finishes what is left undone
"""

from aws.api.takedowns import DynamoTakedowns
from aws.audit import DynamoAudit
from aws.jobs.table import DynamoJobs
from aws.storage import S3Storage
from contracts.documents.takedown import TakedownAnswer, TakedownOrder
from domain.takedown.deciding import DecidingServices, decide
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: TakedownOrder) -> TakedownAnswer:
    services = DecidingServices(
        cases=DynamoTakedowns.from_env(),
        models=S3Storage.from_env("MODELS_BUCKET"),
        jobs=DynamoJobs.from_env(),
        audit=DynamoAudit.from_env(),
    )
    return decide(given, services, now())
