"""Stage 3, train_adapter: put the job in the queue for training; the state waits for its token.

In     TrainAdapterInput   from WhatToTrain; contains the task token
Out    TrainedAdapter      to publish_adapter, by the function that answers the token: this one,
                           when an earlier attempt left an adapter; otherwise follow_training
Fails  TooExpensiveError   final; the estimate is above the request's max_cost_usd
       JobCanceledError    final; the job is being cancelled
       UnknownJobError     the job has ended in the meantime
"""

from aws import settings
from aws.callbacks import StepFunctionsCallbacks
from aws.jobs.table import DynamoJobs
from aws.storage import S3Storage
from contracts.documents.stages import TrainAdapterInput
from domain.pricing.estimating import agree_on_price
from domain.training.launching import queue_for_training
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: TrainAdapterInput) -> None:
    jobs, models = DynamoJobs.from_env(), S3Storage.from_env("MODELS_BUCKET")
    bases = S3Storage.from_env("BASES_BUCKET")
    instance = settings.text("TRAINING_INSTANCE_TYPE")
    agree_on_price(given.job.job_id, jobs, models, bases, instance)
    queue_for_training(given, jobs, models, StepFunctionsCallbacks.from_env(), now())
