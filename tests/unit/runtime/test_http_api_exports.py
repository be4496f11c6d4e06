"""The HTTP API's exports: begun, looked at, downloaded by a link, and another tenant's unknown."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.documents.consent_record import ConsentRecord
from contracts.documents.export import ExportRow, ExportSubject
from contracts.documents.upload.consent import Consent
from contracts.shared import layout
from http_api.services import Limits, Services
from local.demo.upload import consent
from tests.unit.runtime.api_kit import NOON, call, context, services

GIVEN = Consent.model_validate(consent() | {"given_by": "person-1"})


def begun(stores: Services, **body: str) -> dict[str, Any]:
    answer = call(stores, "POST", "/v1/exports", body)
    assert answer.status == 202
    found: dict[str, Any] = answer.body
    return found


def finished(stores: Services, export_id: str) -> ExportRow:
    """Do as export_data does at its end."""
    row = stores.exports.get(export_id)
    assert row is not None
    stores.uploads.write(layout.uploads.export_key("acme", export_id), b"zip")
    changes = {"status": "succeeded", "size": 3, "sha256": "1" * 64, "files": 1}
    stores.exports.replace(row, row.model_copy(update=changes))
    return row


def test_an_export_is_begun_looked_at_and_downloaded() -> None:
    stores = services()
    made = begun(stores)
    assert (made["status"], made["kind"]) == ("processing", "tenant")
    (started,) = stores.exporter.started  # type: ignore[attr-defined]
    assert (started.subject, started.door) == (ExportSubject(tenant="acme"), "api")
    place = f"/v1/exports/{made['id']}"
    assert call(stores, "GET", f"{place}/file").status == 404
    finished(stores, made["id"])
    assert call(stores, "GET", place).body["status"] == "succeeded"
    link = call(stores, "GET", f"{place}/file").body
    assert f"exports/acme/{made['id']}?name={made['id']}.zip" in link["url"]
    assert "seconds=900" in link["url"]
    assert [one["id"] for one in call(stores, "GET", "/v1/exports").body["data"]] == [made["id"]]


def test_the_audit_trail_says_who_has_begun_and_who_has_downloaded() -> None:
    stores = services()
    made = begun(stores)
    finished(stores, made["id"])
    call(stores, "GET", f"/v1/exports/{made['id']}")
    call(stores, "GET", f"/v1/exports/{made['id']}/file")
    entries = {one.action: one.about for one in stores.audit.of("acme", 9, None)}
    assert set(entries) == {"POST /v1/exports", "GET /v1/exports/{export_id}/file"}
    assert entries["POST /v1/exports"] == (f"id:{made['id']}",)


@pytest.mark.parametrize("path", ["", "/file"])
def test_another_tenant_s_export_is_like_none(path: str) -> None:
    stores = services()
    made = begun(stores)
    finished(stores, made["id"])
    other = context("globex", "admin")
    theirs = call(stores, "GET", f"/v1/exports/{made['id']}{path}", who=other)
    none = call(stores, "GET", f"/v1/exports/exp_{'9' * 24}{path}", who=other)
    assert (theirs.status, theirs.body) == (none.status, none.body)
    assert theirs.status == 404
    assert call(stores, "GET", "/v1/exports", who=other).body["data"] == []


def test_a_person_or_an_upload_of_another_tenant_is_like_none() -> None:
    stores = services()
    record = ConsentRecord(
        model_id="1" * 32, tenant="acme", upload="u1", consent=GIVEN, recorded_at=NOON.isoformat()
    )
    stores.consents.record(record)
    stores.uploads.write(layout.uploads.upload_prefix("acme", "u2") + "a.jpg", b"x")
    other = context("globex", "admin")
    asked: list[dict[str, str]] = [
        {"given_by": "person-1"},
        {"upload_id": "u1"},
        {"upload_id": "u2"},
    ]
    for body in asked:
        assert begun(stores, **body)["status"] == "processing"
        theirs = call(stores, "POST", "/v1/exports", body, who=other)
        none = call(stores, "POST", "/v1/exports", dict.fromkeys(body, "nobody"), who=other)
        assert (theirs.status, theirs.body) == (none.status, none.body)
        assert theirs.status == 404
    assert len(stores.exporter.started) == 3  # type: ignore[attr-defined]


def test_both_a_person_and_an_upload_are_refused() -> None:
    answer = call(services(), "POST", "/v1/exports", {"given_by": "a", "upload_id": "b"})
    assert answer.status == 422


def test_only_an_administrator_may() -> None:
    stores = services()
    who = context("acme", "read", "train", "draw", "erase")
    for method, path in (("POST", ""), ("GET", ""), ("GET", f"/exp_{'0' * 24}")):
        body: dict[str, str] | None = {} if method == "POST" else None
        assert call(stores, method, f"/v1/exports{path}", body, who=who).status == 403


def test_a_tenant_may_begin_so_many_a_day() -> None:
    stores = services(Limits(exports_per_day=2))
    begun(stores)
    begun(stores)
    again = call(stores, "POST", "/v1/exports", {})
    assert (again.status, again.body["code"]) == (429, "too_many_requests")


def test_an_archive_that_is_gone_has_expired_and_a_run_that_died_has_failed() -> None:
    stores = services()
    made = begun(stores)
    late = replace(stores, now=lambda: NOON + timedelta(hours=2))
    failed = call(late, "GET", f"/v1/exports/{made['id']}").body
    assert (failed["status"], failed["failure"]["code"]) == ("failed", "internal_error")
    finished(stores, made["id"])
    stores.uploads.delete(layout.uploads.export_key("acme", made["id"]))
    assert call(stores, "GET", f"/v1/exports/{made['id']}").body["status"] == "expired"
    assert call(stores, "GET", f"/v1/exports/{made['id']}/file").status == 404


def test_a_mock_key_sees_and_begins_nothing() -> None:
    stores = services()
    begun(stores)
    mock = context("acme", "admin", mode="mock")
    assert call(stores, "GET", "/v1/exports", who=mock).body["data"] == []
    assert call(stores, "POST", "/v1/exports", {}, who=mock).status == 403
    assert len(stores.exporter.started) == 1  # type: ignore[attr-defined]
