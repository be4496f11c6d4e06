"""How a failed job ends, and how a redrive continues it: docs/decisions/0002-redrive.md."""

from datetime import datetime

from contracts.documents.job import JobSpec
from contracts.documents.stages import FailJobInput
from domain.failures.causes import raised_again
from domain.ports.jobs import Jobs


def fail_job(given: FailJobInput, jobs: Jobs, now: datetime) -> None:
    """Raise the stage's failure again; after a redrive, reopen the job and return instead.

    Raises:
        RaisedAgainError: under the name of the stage's own error.
    """
    if given.redrive_count <= given.failed.redrive_count or not reopen(given, jobs, now):
        raise raised_again(given.failure)


def reopen(given: FailJobInput, jobs: Jobs, now: datetime) -> bool:
    """Reopen the job; False when another execution has claimed it by now.

    An execution that failed before it had a job has nothing to reopen.
    """
    found = given.failed.input.get("job")
    if found is None:
        return True
    job = JobSpec.model_validate(found)
    return jobs.reopen(job.job_id, given.execution_arn, given.failed.state, now)
