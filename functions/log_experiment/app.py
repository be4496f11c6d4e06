"""Beside the states, log_experiment: each training as a run in MLflow, where the stack has one.

In     ObjectCreated    from EventBridge, when a training has written its result
Out    nothing          the run has parameters, curves and scores
Fails  anything         Lambda tries again, and keeps the event in the end; no training waits
"""

from aws.jobs.table import DynamoJobs
from aws.mlflow import MlflowExperiments
from aws.storage import S3Storage
from contracts.documents.stages import ObjectCreated
from domain.experiments.runs import ExperimentServices, log_result
from runtime.clock import now
from runtime.handlers import listener


@listener
def lambda_handler(event: ObjectCreated) -> None:
    services = ExperimentServices(
        jobs=DynamoJobs.from_env(),
        models=S3Storage.from_env("MODELS_BUCKET"),
        experiments=MlflowExperiments.from_env(),
    )
    log_result(event.detail.object.key, services, now())
