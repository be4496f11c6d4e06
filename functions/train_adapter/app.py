"""Stage 3, train_adapter: put the job in the queue for training; the state waits for its token.

In     TrainAdapterInput   from WhatToTrain; contains the task token
Out    TrainedAdapter      to publish_adapter, by the function that answers the token: this one,
                           when an earlier attempt left an adapter; otherwise follow_training
Fails  TooExpensiveError   final; the estimate is above the request's max_cost_usd
       PriceUnknownError   final; the request has max_cost_usd, and the operator gave no price
       JobCanceledError    final; the job is being cancelled
       UnknownJobError     the job has ended in the meantime
"""

from aws import settings
from aws.callbacks import StepFunctionsCallbacks
from aws.jobs.table import DynamoJobs
from aws.storage import S3Storage
from aws.wiring import pricing_services
from contracts.documents.stages import TrainAdapterInput
from domain.pricing.agreement import agree_on_price
from domain.training.queueing import queue_for_training
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: TrainAdapterInput) -> None:
    jobs, models = DynamoJobs.from_env(), S3Storage.from_env("MODELS_BUCKET")
    agree_on_price(given.job.job_id, pricing_services())
    if (header := settings.trace_header()) is not None:
        jobs.record_trace(given.job.job_id, header)
    queue_for_training(given, jobs, models, StepFunctionsCallbacks.from_env(), now())
