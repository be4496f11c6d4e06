"""Stage 2 of erase_subject, erase_stores: delete every byte and every row of the subject.

In     ErasureInput   from stop_work
Out    StoresErased   to sign_receipt once nothing remains, else to itself
Fails  nothing on purpose; a repeated call goes on where the last one ended
"""

from aws.wiring import erasing_services
from contracts.documents.erasure import ErasureInput, StoresErased
from domain.erasure.erasing import erase_stores
from runtime.handlers import stage


@stage
def lambda_handler(given: ErasureInput) -> StoresErased:
    return erase_stores(given.subject, erasing_services())
