"""The end of a failed execution, fail_job: raise the stage's error; after a redrive, return.

In     FailJobInput       from notify_failure
Out    nothing            after a redrive: the stage that failed runs again
Fails  RaisedAgainError   otherwise, under the name of the stage's error
"""

from aws.jobs.table import DynamoJobs
from contracts.documents.stages import FailJobInput
from domain.failures.redrive import fail_job
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: FailJobInput) -> None:
    fail_job(given, DynamoJobs.from_env(), now())
