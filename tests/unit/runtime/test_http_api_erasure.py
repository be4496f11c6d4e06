"""The HTTP API's deletions: of the caller's own things, once with 202, then with the receipt."""

from dataclasses import replace

import pytest

from contracts.documents.erasure import ErasureSubject
from tests.fakes.erasure import MemoryEraser
from tests.unit.runtime.api_kit import call, context, services

MODEL = "0" * 31 + "1"
DELETIONS = [
    (f"/v1/models/{MODEL}", ErasureSubject(tenant="acme", model_id=MODEL)),
    ("/v1/uploads/u1", ErasureSubject(tenant="acme", upload="u1")),
    ("/v1/me", ErasureSubject(tenant="acme")),
]


@pytest.mark.parametrize(("path", "subject"), DELETIONS)
def test_a_deletion_is_accepted_and_later_done(path: str, subject: ErasureSubject) -> None:
    eraser = MemoryEraser(subject)
    stores = replace(services(), eraser=eraser)
    answer = call(stores, "DELETE", path)
    assert (answer.status, answer.body["outcome"]) == (202, "erasing")
    assert answer.body["erasure_id"] == subject.erasure_id
    assert answer.body["receipt_uri"] is None, "the bucket is not the caller's"
    eraser.done.add(subject)
    assert call(stores, "DELETE", path).status == 200
    assert eraser.asked == [subject, subject]


@pytest.mark.parametrize(("path", "subject"), DELETIONS)
def test_nobody_erases_without_the_scope_or_for_another(path: str, subject: ErasureSubject) -> None:
    eraser = MemoryEraser(subject)
    stores = replace(services(), eraser=eraser)
    assert call(stores, "DELETE", path, who=context("acme", "read", "train")).status == 403
    assert eraser.asked == []
    assert call(stores, "DELETE", path, who=context("globex", "erase")).status == 404
    assert [asked.tenant for asked in eraser.asked] == ["globex"]


def test_a_name_that_can_be_none_is_refused() -> None:
    assert call(services(), "DELETE", "/v1/models/x").status == 422
    assert call(services(), "DELETE", "/v1/uploads/a%20b").status == 422


@pytest.mark.parametrize(("path", "subject"), DELETIONS)
def test_a_mock_key_erases_nothing(path: str, subject: ErasureSubject) -> None:
    eraser = MemoryEraser(subject)
    stores = replace(services(), eraser=eraser)
    answer = call(stores, "DELETE", path, who=context("acme", "erase", mode="mock"))
    assert answer.status in {202, 403}, "made up, or refused"
    assert eraser.asked == []
