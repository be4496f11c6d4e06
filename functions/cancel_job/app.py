"""Beside the states, cancel_job: cancel an open job; `likeness cancel JOB` calls it.

In     CancelJobInput   from anybody who may invoke this function
Out    Cancellation     the end itself comes with the job's one notice
Fails  nothing on purpose; reconcile finishes what is left undone
"""

from aws.audit import DynamoAudit
from aws.wiring import training_services
from contracts.documents.audit import OPERATOR
from contracts.documents.status import CancelJobInput, Cancellation
from domain.audit.entries import Deed, record
from domain.training.cancellation import cancel
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: CancelJobInput) -> Cancellation:
    services = training_services()
    answer = cancel(given.job_id, services, now(), tenant=given.tenant)
    job = services.jobs.get(given.job_id)
    if given.tenant is None and job is not None and answer.outcome != "unknown":
        deed = Deed(OPERATOR, "job.cancelled", [("job_id", given.job_id)])
        record(DynamoAudit.from_env(), job.tenant, deed, now())
    return answer
