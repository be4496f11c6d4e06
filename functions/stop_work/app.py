"""Stage 1 of erase_subject, stop_work: the tombstone, and the end of all work on the subject.

In     ErasureInput      from request_erasure, or from an operator who starts the machine
Out    WorkStopped       to erase_stores once nothing is open, else to itself after a pause
Fails  StageInputError   final; the tenant has no such thing
"""

from aws.wiring import stopping_services
from contracts.documents.erasure import ErasureInput, WorkStopped
from domain.erasure.stopping import stop_work
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: ErasureInput) -> WorkStopped:
    return stop_work(given.subject, stopping_services(), now())
