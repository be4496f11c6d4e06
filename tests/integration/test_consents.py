"""domain.ports.consents: the fake and AWS behave alike."""

from datetime import UTC, datetime, timedelta

import pytest

from aws.api.consents import DynamoConsents
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from contracts.documents.upload.consent import Consent
from contracts.shared.layout.rows import consent_row
from contracts.shared.people.consent_texts import EVIDENCE_DAYS
from domain.ports.consents import Consents
from local.demo.upload import consent
from tests.fakes.consents import MemoryConsents
from tests.integration.tables import table

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture(params=["memory", "cloud", "moto"])
def consents(request: pytest.FixtureRequest) -> Consents:
    if request.param == "memory":
        return MemoryConsents()
    return DynamoConsents(table(request.getfixturevalue(request.param), "ApiTable"))


def record(number: int, tenant: str = "acme", upload: str = "u1") -> ConsentRecord:
    return ConsentRecord(
        model_id=f"{number:032x}",
        tenant=tenant,
        upload=upload,
        consent=given(),
        recorded_at=(NOON + timedelta(seconds=number)).isoformat(),
    )


def given() -> Consent:
    return Consent.model_validate(consent())


def test_records_are_found_by_id_and_by_tenant_and_the_first_one_stays(consents: Consents) -> None:
    first, second, other = record(1), record(2), record(3, "globex")
    for one in (first, second, other, first.model_copy(update={"upload": "later"})):
        consents.record(one)
    assert consents.get(first.model_id) == first
    assert consents.get("f" * 32) is None
    assert consents.of("acme") == [second, first]
    assert consents.of("nobody") == []


def test_a_withdrawal_marks_what_it_concerns_and_keeps_its_first_time(consents: Consents) -> None:
    mine, other_upload, other = record(1), record(2, upload="u2"), record(3, "globex")
    for one in (mine, other_upload, other):
        consents.record(one)
    for later in range(2):
        subject = ErasureSubject(tenant="acme", upload="u1")
        consents.withdraw(subject, NOON + timedelta(days=1 + later))
    assert consents.get(mine.model_id) == mine.model_copy(
        update={"withdrawn_at": (NOON + timedelta(days=1)).isoformat()}
    )
    assert consents.get(other_upload.model_id) == other_upload
    assert consents.get(other.model_id) == other


def test_the_evidence_of_a_withdrawn_consent_goes_after_its_time(
    request: pytest.FixtureRequest,
) -> None:
    rows = table(request.getfixturevalue("moto"), "ApiTable")
    consents = DynamoConsents(rows)
    consents.record(record(1))
    kept = timedelta(days=EVIDENCE_DAYS)
    key = {"row": consent_row(record(1).model_id)}
    ends = given().expires_at
    assert ends is not None
    assert int(rows.get_item(Key=key)["Item"]["delete_at"]) == int((ends + kept).timestamp())
    consents.withdraw(ErasureSubject(tenant="acme"), NOON)
    assert int(rows.get_item(Key=key)["Item"]["delete_at"]) == int((NOON + kept).timestamp())
