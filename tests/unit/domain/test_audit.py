"""Entries of the audit trail hold opaque ids, whatever a client has written."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.documents.audit import AuditEntry, about, owner_of
from domain.audit.entries import Deed, record
from tests.fakes.audit import MemoryAudit

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
OPAQUE = ["0" * 32, "pic_" + "a" * 24, "ap_" + "a" * 32, "0123456789abcdef", "007"]


@pytest.mark.parametrize("ident", OPAQUE)
def test_an_id_of_ours_stands_as_it_is(ident: str) -> None:
    assert about("model_id", ident) == f"model_id:{ident}"


@given(st.text(min_size=1))
def test_any_other_id_becomes_a_hash(ident: str) -> None:
    text = about("upload_id", f"{ident}-of-anna")
    assert "anna" not in text
    entry = AuditEntry(
        entry_id="0" * 24, at=NOON.isoformat(), who="operator", action="x", about=(text,)
    )
    assert entry.about == (text,)


def test_an_entry_says_who_what_and_when() -> None:
    trail = MemoryAudit()
    ids = [("upload_id", "anna"), ("upload_id", "anna"), ("job_id", "0" * 32)]
    record(trail, "acme", Deed("operator", "job.cancelled", ids), NOON)
    (entry,) = trail.of("acme", 9, None)
    assert (entry.who, entry.action, entry.at) == ("operator", "job.cancelled", NOON.isoformat())
    assert len(entry.about) == 2
    assert trail.of("globex", 9, None) == []
    assert "acme" not in repr(trail.rows)


def test_owners_of_two_tenants_differ() -> None:
    assert owner_of("acme") != owner_of("acme2")
    assert len(owner_of("acme")) == 32


@pytest.mark.parametrize(
    ("ids", "sizes"), [(0, [0]), (1, [1]), (10, [10]), (11, [10, 2]), (21, [10, 10, 3])]
)
def test_no_deed_has_too_many_ids_for_the_trail(ids: int, sizes: list[int]) -> None:
    trail = MemoryAudit()
    named = [("model_id", f"{number:032x}") for number in range(ids)]
    record(trail, "acme", Deed("operator", "takedown.accepted", named), NOON)
    entries = trail.of("acme", 100, None)
    assert sorted((len(entry.about) for entry in entries), reverse=True) == sizes
    assert {entry.about[:1] for entry in entries} == {tuple(about(*one) for one in named[:1])}
    assert {one for entry in entries for one in entry.about} == {about(*one) for one in named}
