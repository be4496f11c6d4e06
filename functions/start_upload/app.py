"""Beside the states, start_upload: a file that says what to train starts the workflow.

In     FileStored     S3's "Object Created" for request.json or its like, from EventBridge
Out    nothing        an execution of train_adapter has begun, whose input has no file name
Fails  anything       Lambda tries again, and the dead-letter queue keeps the event in the end
"""

from aws.parameters.root_folders import root_folders_from_env
from aws.workflow import StepFunctionsWorkflow
from contracts.documents.stages import FileStored
from domain.intake.starting import start_upload
from runtime.handlers import listener


@listener
def lambda_handler(event: FileStored) -> None:
    start_upload(event, StepFunctionsWorkflow.from_env(), root_folders_from_env())
