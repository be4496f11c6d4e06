"""Beside the states, cancel_job: stop a job that is under way; `likeness cancel JOB` calls it.

In     CancelJobInput   from whoever may invoke this function
Out    Cancellation     the owner hears of the end in the job's one notice
Fails  nothing on purpose; reconcile finishes what is left undone
"""

from aws.wiring import training_room
from contracts.documents.status import CancelJobInput, Cancellation
from domain.training.cancellation import cancel
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: CancelJobInput) -> Cancellation:
    return cancel(given.job_id, training_room(), now())
