"""Between stages 2 and 3, caption_photos: put a large set in the queue, to be described first.

In     CaptionPhotosInput      from WhatToTrain; contains the task token
Out    PhotosCaptioned         to WhatToTrain, by the function that answers the token: this one,
                               when the captions exist already; otherwise follow_training
Fails  CaptioningFailedError   final, by follow_training; the code says why
       TooExpensiveError       final; the estimate is above the request's max_cost_usd
       PriceUnknownError       final; the request has max_cost_usd, and the operator gave no price
       JobCanceledError        final; the job is being cancelled
       UnknownJobError         the job has ended in the meantime
"""

from aws import settings
from aws.callbacks import StepFunctionsCallbacks
from aws.jobs.table import DynamoJobs
from aws.wiring import pricing_services
from contracts.documents.stages import CaptionPhotosInput
from domain.pricing.agreement import agree_on_price
from domain.training.queueing import queue_for_captions
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: CaptionPhotosInput) -> None:
    jobs = DynamoJobs.from_env()
    agree_on_price(given.job.job_id, pricing_services())
    if (header := settings.trace_header()) is not None:
        jobs.record_trace(given.job.job_id, header)
    queue_for_captions(given, jobs, StepFunctionsCallbacks.from_env(), now())
