"""Beside the states, request_erasure: forget a photo, an upload, a model or a tenant.

`likeness erase` calls it, and so may an operator's own tool: whoever may invoke it may erase.

In     ErasureInput    from anybody who may invoke this function
Out    ErasureAnswer   at once nothing of it is drawn or trained; erase_subject removes the bytes
Fails  nothing on purpose; the same call again continues what is left undone
"""

from aws.api.consents import DynamoConsents
from aws.audit import DynamoAudit
from aws.wiring import stopping_services
from contracts.documents.audit import OPERATOR
from contracts.documents.erasure import ErasureAnswer, ErasureInput
from domain.audit.entries import Deed, record
from domain.erasure.stopping import request_erasure, withdraw_consent
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: ErasureInput) -> ErasureAnswer:
    answer = erasure(given)
    if given.door == OPERATOR and answer.outcome != "unknown":
        ids = [("erasure_id", answer.erasure_id)]
        deed = Deed(OPERATOR, f"erasure.requested {given.subject.kind}", ids)
        record(DynamoAudit.from_env(), given.subject.tenant, deed, now())
    return answer


def erasure(given: ErasureInput) -> ErasureAnswer:
    """Begin an erasure, or one that follows from a withdrawal."""
    services = stopping_services()
    if given.withdrawn:
        return withdraw_consent(given.subject, services, DynamoConsents.from_env(), now())
    return request_erasure(given.subject, services, now())
