"""Stage 3 of erase_subject, sign_receipt: write down what is gone, signed by the stack's key.

In     ErasureInput      from erase_stores
Out    ReceiptPlace      the execution's output
Fails  StageInputError   final; nobody has asked for this erasure
"""

from aws.audit import DynamoAudit
from aws.wiring import receipt_services
from contracts.documents.audit import STACK
from contracts.documents.erasure import ErasureInput, ReceiptPlace
from domain.audit.entries import Deed, record
from domain.erasure.receipts import sign_receipt
from runtime.clock import now
from runtime.handlers import stage


@stage
def lambda_handler(given: ErasureInput) -> ReceiptPlace:
    place = sign_receipt(given.subject, receipt_services(), now())
    deed = Deed(STACK, "erasure.finished", [("erasure_id", place.erasure_id)])
    record(DynamoAudit.from_env(), given.subject.tenant, deed, now())
    return place
