"""Stage 4, publish_adapter: verify an adapter, pack it for Triton, publish it under a new name.

In     PublishAdapterInput from train_adapter
Out    ModelPackage        to warm_model
Fails  AdapterInvalidError final; an operator looks at the training job's output
       GateFailedError     final; the owner can use other photos or settings
"""

from aws.jobs.table import DynamoJobs
from aws.storage import S3Storage
from contracts.documents.package import ModelPackage
from contracts.documents.stages import PublishAdapterInput
from domain.publishing.base_model import publish_base
from domain.publishing.publishing import publish
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: PublishAdapterInput) -> ModelPackage:
    models, bases = S3Storage.from_env("MODELS_BUCKET"), S3Storage.from_env("BASES_BUCKET")
    DynamoJobs.from_env().advance(given.job.job_id, "PublishAdapter", now())
    package = publish(given.job, given.trained, models, bases)
    publish_base(given.job.base_id, bases, models)
    return package
