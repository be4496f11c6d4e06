"""/v1/consents: a withdrawal erases the upload, and the record of the consent stays."""

from contracts.documents.erasure import ErasureSubject
from http_api.services import Services
from tests.fakes.erasure import MemoryEraser
from tests.unit.runtime.api_kit import call, context
from tests.unit.runtime.everything_kit import MINE, with_everything

PATH = f"/v1/consents/{MINE['consent_id']}"
UPLOAD = ErasureSubject(tenant="acme", upload="u1")


def erasing(stores: Services) -> MemoryEraser:
    eraser = stores.eraser
    assert isinstance(eraser, MemoryEraser)
    eraser.known.add(UPLOAD)
    return eraser


def test_a_tenant_reads_its_consents() -> None:
    stores = with_everything()
    (listed,) = call(stores, "GET", "/v1/consents").body["data"]
    assert listed == call(stores, "GET", PATH).body
    assert (listed["id"], listed["upload_id"]) == (MINE["consent_id"], "u1")
    assert listed["consent"]["given_by"] == "drawn-person"
    assert listed["withdrawn_at"] is None
    other = call(stores, "GET", "/v1/consents", who=context("globex", "read"))
    assert other.body["data"] == []


def test_a_withdrawal_erases_the_upload_with_its_models() -> None:
    stores = with_everything()
    eraser = erasing(stores)
    answer = call(stores, "POST", f"{PATH}:withdraw")
    assert (answer.status, answer.body["erasure"]["outcome"]) == (202, "erasing")
    assert eraser.withdrawn == [UPLOAD]
    eraser.done.add(UPLOAD)
    again = call(stores, "POST", f"{PATH}:withdraw")
    assert (again.status, again.body["erasure"]["outcome"]) == (200, "erased")
    assert again.body["erasure"]["receipt_uri"] is None


def test_a_withdrawal_needs_the_scope_of_an_erasure() -> None:
    stores = with_everything()
    answer = call(stores, "POST", f"{PATH}:withdraw", who=context("acme", "read", "train"))
    assert (answer.status, answer.body["code"]) == (403, "forbidden")
    assert erasing(stores).asked == []
