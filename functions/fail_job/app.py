"""The red end, fail_job: fail under the stage's own error; redriven, let the stage run again.

In     FailJobInput       from notify_failure
Out    nothing            to the stage that failed, after a redrive
Fails  RaisedAgainError   always else, under the name of the stage's error
"""

from aws.jobs.table import DynamoJobs
from contracts.documents.stages import FailJobInput
from domain.failures.redrive import fail_job
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: FailJobInput) -> None:
    fail_job(given, DynamoJobs.from_env(), now())
