"""Beside the states, find_marked_model: which model has drawn a picture that was reported.

In     ReportStored     from EventBridge, when the reported file has arrived in the uploads bucket
Out    nothing          the case names the models, and the operators are told
Fails  anything         Lambda tries again, and the dead-letter queue keeps the event in the end
"""

from aws.api.mark_reader import SecretMarkReader
from aws.api.takedowns import DynamoModelIds, DynamoTakedowns, SnsOperators
from aws.storage import S3Storage
from contracts.documents.stages import ReportStored
from domain.takedown.finding import FindingServices, find_model
from runtime.clock import now
from runtime.handlers import listener


@listener
def lambda_handler(event: ReportStored) -> None:
    services = FindingServices(
        cases=DynamoTakedowns.from_env(),
        uploads=S3Storage.from_env("UPLOADS_BUCKET"),
        marks=SecretMarkReader.from_env(),
        models=DynamoModelIds.from_env(),
        operators=SnsOperators.from_env(),
    )
    find_model(event.case_id, services, now())
