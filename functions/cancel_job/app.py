"""Beside the states, cancel_job: cancel an open job; `likeness cancel JOB` calls it.

In     CancelJobInput   from anybody who may invoke this function
Out    Cancellation     the end itself comes with the job's one notice
Fails  nothing on purpose; reconcile finishes what is left undone
"""

from aws.wiring import training_services
from contracts.documents.status import CancelJobInput, Cancellation
from domain.training.cancellation import cancel
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: CancelJobInput) -> Cancellation:
    return cancel(given.job_id, training_services(), now(), tenant=given.tenant)
