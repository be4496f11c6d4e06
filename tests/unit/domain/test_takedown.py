"""A report becomes a case, the case names models, and an operator's word counts at once."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.documents.job import JobSpec
from contracts.documents.takedown import NewTakedown, TakedownAnswer, TakedownCase, TakedownOrder
from contracts.shared import layout
from contracts.shared.pictures.mark_keys import mark_id
from domain.operating.orders import OPERATORS
from domain.ports.takedown import FoundMarks
from domain.takedown.deciding import DecidingServices, appeal, decide, oldest_waiting
from domain.takedown.finding import FindingServices, find_model
from domain.takedown.reporting import NoPictureError, ReportingServices, report
from tests.fakes.audit import MemoryAudit
from tests.fakes.front_door import PlainDecoder
from tests.fakes.jobs import MemoryJobs
from tests.fakes.storage import MemoryStorage
from tests.fakes.takedown import MemoryMarks, MemoryModelIds, MemoryOperators, MemoryTakedowns

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEY = b"k" * 32
ONE, TWO, TRIAL = "1" * 32, "2" * 32, "3" * 32
NOTHING = FoundMarks("absent", None, None, None)
GIVEN = NewTakedown(
    picture=b64encode(b"a picture").decode(),
    reason="intimate",
    i_am="shown_person",
    words="canary-words",
    contact="canary@example.org",
)


def reported(uploads: MemoryStorage, cases: MemoryTakedowns) -> TakedownCase:
    return report(GIVEN, ReportingServices(cases, uploads, PlainDecoder()), NOON)


def finding(
    uploads: MemoryStorage, cases: MemoryTakedowns, found: FoundMarks, **adapters: str
) -> FindingServices:
    ids = MemoryModelIds({ONE: ONE, TWO: TWO, TRIAL: TWO, **adapters})
    return FindingServices(cases, uploads, MemoryMarks(found), ids, MemoryOperators())


def deciding(cases: MemoryTakedowns) -> DecidingServices:
    jobs = MemoryJobs()
    for ident, tenant in ((ONE, "acme"), (TWO, "globex")):
        job = JobSpec(job_id=ident, tenant=tenant, upload="u", base_id="base")
        jobs.claim(job, f"arn:{ident}", NOON)
    return DecidingServices(cases, MemoryStorage("models"), jobs, MemoryAudit())


def case(number: int = 0, **changes: Any) -> TakedownCase:
    facts = {
        "case_id": f"td_{number:032x}",
        "reason": "intimate",
        "received_at": NOON.isoformat(),
        "due_at": (NOON + timedelta(days=2)).isoformat(),
    }
    return TakedownCase.model_validate(facts | changes)


def order(action: str, number: int = 0, **given: Any) -> TakedownOrder:
    return TakedownOrder.model_validate({"action": action, "case_id": f"td_{number:032x}", **given})


def after(services: DecidingServices, *orders: TakedownOrder) -> list[str]:
    return [decide(one, services, NOON).outcome for one in orders]


def markers(services: DecidingServices) -> list[str]:
    return [one.key for one in services.models.list(layout.models.DISABLED_PREFIX, 99)]


def test_a_report_has_48_hours_and_its_words_lie_with_the_picture_only() -> None:
    uploads, cases = MemoryStorage("uploads"), MemoryTakedowns()
    made = reported(uploads, cases)
    assert datetime.fromisoformat(made.due_at) - NOON == timedelta(hours=48)
    assert "canary" not in cases.cases[made.case_id].model_dump_json()
    keys = list(uploads.objects)
    assert {key.rpartition("/")[0] for key in keys} == {f"takedowns/{made.case_id}"}
    assert uploads.objects[f"takedowns/{made.case_id}/original"] == b"a picture"
    assert b"canary" in uploads.objects[f"takedowns/{made.case_id}/report.json"]


def test_a_picture_that_is_not_in_base64_is_refused_before_anything_is_stored() -> None:
    uploads, cases = MemoryStorage("uploads"), MemoryTakedowns()
    services = ReportingServices(cases, uploads, PlainDecoder())
    for text in ("no!", "YSBwa*WN0dXJl"):
        with pytest.raises(NoPictureError):
            report(GIVEN.model_copy(update={"picture": text}), services, NOON)
    assert (uploads.objects, cases.cases) == ({}, {})


@pytest.mark.parametrize(
    ("found", "models"),
    [
        (NOTHING, ()),
        (FoundMarks("ours", ONE, None, None), (ONE,)),
        (FoundMarks("ours", TRIAL, None, None), (TWO,)),
        (FoundMarks("ours", "9" * 32, None, None), ()),
        (FoundMarks("absent", None, mark_id(KEY, TWO), KEY), (TWO,)),
        (FoundMarks("absent", None, mark_id(KEY, TRIAL), KEY), (TWO,)),
        (FoundMarks("ours", ONE, mark_id(KEY, ONE), KEY), (ONE,)),
        (FoundMarks("others", None, mark_id(KEY, ONE), b"j" * 32), ()),
    ],
)
def test_the_marks_name_the_model(found: FoundMarks, models: tuple[str, ...]) -> None:
    uploads, cases = MemoryStorage("uploads"), MemoryTakedowns()
    made = reported(uploads, cases)
    services = finding(uploads, cases, found)
    looked = find_model(made.case_id, services, NOON)
    assert looked is not None
    assert (looked.models, looked.credentials) == (models, found.credentials)
    assert services.marks.read_files == [(b"a picture", b"a picture")]  # type: ignore[attr-defined]


def test_operators_are_told_once_and_of_ids_only() -> None:
    uploads, cases = MemoryStorage("uploads"), MemoryTakedowns()
    made = reported(uploads, cases)
    services = finding(uploads, cases, FoundMarks("ours", ONE, None, None))
    for _ in range(2):
        find_model(made.case_id, services, NOON)
    ((subject, text),) = services.operators.published  # type: ignore[attr-defined]
    assert made.case_id in text
    assert ONE in text
    assert "canary" not in subject + text
    assert find_model(f"td_{'9' * 32}", services, NOON) is None


def test_a_yes_disables_the_model_and_all_that_a_sweep_has_trained_for_it() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    jobs: Any = services.jobs
    jobs.records[TWO] = jobs.records[TWO].model_copy(update={"trials": (TRIAL,)})
    cases.add(case(models=(TWO,)))
    assert after(services, order("accept"), order("accept")) == ["disabled", "disabled"]
    assert markers(services) == [f"disabled/{TWO}", f"disabled/{TRIAL}"]


def test_a_yes_is_in_the_audit_of_the_operators_and_of_the_model_s_tenant() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    cases.add(case(models=(ONE,)))
    decide(order("accept", by="key:7"), services, NOON)
    for tenant in (OPERATORS, "acme"):
        (entry,) = services.audit.of(tenant, 9, None)
        assert (entry.who, entry.action) == ("key:7", "takedown.accepted")
        assert f"model_id:{ONE}" in entry.about
    assert services.audit.of("globex", 9, None) == []


def test_without_a_mark_the_operator_names_the_model() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    cases.add(case())
    assert after(services, order("accept"), order("accept", models=[ONE])) == [
        "no_model",
        "disabled",
    ]
    assert markers(services) == [f"disabled/{ONE}"]


def test_a_model_that_is_not_there_is_named_and_nothing_is_disabled() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    cases.add(case())
    assert after(services, order("accept", models=[ONE, "9" * 32])) == ["unknown_model"]
    assert markers(services) == []
    assert cases.get(case().case_id) == case()


def test_a_marked_model_that_was_erased_since_may_be_named() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    erased = "9" * 32
    cases.add(case(models=(erased, TWO)))
    assert after(services, order("accept", models=[erased, ONE])) == ["disabled"]
    assert sorted(markers(services)) == [f"disabled/{ONE}", f"disabled/{erased}"]


def test_a_trial_that_is_named_stands_for_its_sweep_s_model() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    cases.add(case())
    jobs: Any = services.jobs
    sweep, trial = jobs.records[TWO], jobs.records[ONE]
    jobs.records[TWO] = sweep.model_copy(update={"trials": (TRIAL,)})
    jobs.records[TRIAL] = trial.model_copy(update={"job_id": TRIAL, "trial_of": TWO})
    assert after(services, order("accept", models=[TRIAL])) == ["disabled"]
    assert markers(services) == [f"disabled/{TWO}", f"disabled/{TRIAL}"]


def test_an_accepted_case_takes_no_further_model_without_a_word() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    cases.add(case(models=(ONE,)))
    orders = [order("accept"), order("accept", models=[TWO]), order("accept", models=[ONE])]
    assert after(services, *orders) == ["disabled", "decided", "disabled"]
    assert markers(services) == [f"disabled/{ONE}"]


def test_a_no_has_a_reason_and_is_final() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    cases.add(case(models=(ONE,)))
    with pytest.raises(ValidationError, match="says why"):
        order("refuse")
    orders = [order("refuse", why="consent_shown"), order("accept")]
    assert after(services, *orders) == ["refused", "decided"]
    assert cases.cases[case().case_id].why == "consent_shown"
    assert markers(services) == []
    again = decide(order("refuse", why="duplicate"), services, NOON)
    assert again == TakedownAnswer(outcome="refused", cases=(cases.cases[case().case_id],))


def test_a_no_after_a_yes_changes_nothing() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    cases.add(case(models=(ONE,)))
    late = order("refuse", why="duplicate")
    assert after(services, order("accept"), late) == ["disabled", "decided"]
    kept = cases.cases[case().case_id]
    assert decide(late, services, NOON).cases == (kept,)
    assert (kept.status, markers(services)) == ("accepted", [f"disabled/{ONE}"])


def test_a_yes_that_loses_against_a_no_leaves_no_marker() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    cases.add(case(models=(ONE,)))
    write = services.models.write

    def refused_meanwhile(key: str, body: bytes, content_type: str = "text/plain") -> None:
        write(key, body, content_type)
        before = cases.cases[case().case_id]
        cases.replace(before, before.model_copy(update={"status": "refused", "why": "duplicate"}))

    services.models.write = refused_meanwhile  # type: ignore[method-assign]
    answer = decide(order("accept"), services, NOON)
    assert answer == TakedownAnswer(outcome="decided", cases=(cases.cases[case().case_id],))
    assert markers(services) == []


@pytest.mark.parametrize("during", ["restore", "accept"])
def test_a_yes_and_a_restoration_of_one_model_at_once_leave_it_disabled(
    monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    for number in (1, 2):
        cases.add(case(number, models=(ONE,)))
    decide(order("accept", 1), services, NOON)
    delete, replaced = services.models.delete, cases.replace

    def accepted_meanwhile(key: str, version_id: str | None = None) -> None:
        monkeypatch.setattr(services.models, "delete", delete)
        decide(order("accept", 2), services, NOON)
        delete(key, version_id)

    def restored_meanwhile(before: TakedownCase, changed: TakedownCase) -> bool:
        monkeypatch.setattr(cases, "replace", replaced)
        decide(order("restore", 1), services, NOON)
        return replaced(before, changed)

    if during == "restore":
        monkeypatch.setattr(services.models, "delete", accepted_meanwhile)
        decide(order("restore", 1), services, NOON)
    else:
        monkeypatch.setattr(cases, "replace", restored_meanwhile)
        decide(order("accept", 2), services, NOON)
    assert cases.cases[case(2).case_id].status == "accepted"
    assert markers(services) == [f"disabled/{ONE}"]


def test_an_appeal_is_granted_unless_another_case_holds_the_model() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    for number in (1, 2):
        cases.add(case(number, models=(ONE,)))
        decide(order("accept", number), services, NOON)
    asked = appeal(ONE, cases, NOON + timedelta(hours=1))
    assert asked is not None
    assert asked.appealed_at is not None
    assert after(services, order("restore", 2)) == ["restored"]
    assert markers(services) == [f"disabled/{ONE}"], "the other case holds it"
    assert after(services, order("restore", 1), order("restore", 1)) == [
        "restored",
        "restored",
    ]
    assert markers(services) == []
    assert appeal(ONE, cases, NOON) is None
    assert after(services, order("accept", 1)) == ["decided"]


def test_a_second_yes_refuses_the_appeal_so_that_nobody_waits_and_a_new_one_may_be_asked() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    cases.add(case(models=(ONE,)))
    later = NOON + timedelta(hours=1)
    assert after(services, order("accept")) == ["disabled"]
    assert appeal(ONE, cases, NOON) is not None
    assert oldest_waiting(cases, later) == timedelta(hours=1)
    assert decide(order("accept", by="key:7"), services, later).outcome == "disabled"
    assert oldest_waiting(cases, later) == timedelta()
    assert markers(services) == [f"disabled/{ONE}"]
    assert services.audit.of("acme", 9, None)[0].who == "key:7"
    again = appeal(ONE, cases, later)
    assert again is not None
    assert again.appealed_at == later.isoformat()


@pytest.mark.parametrize(
    ("changes", "hours"),
    [
        ({}, 40),
        ({"status": "refused", "why": "no_mark"}, 0),
        ({"status": "accepted"}, 0),
        ({"status": "accepted", "appealed_at": (NOON + timedelta(hours=10)).isoformat()}, 30),
        ({"status": "restored", "appealed_at": NOON.isoformat()}, 0),
    ],
)
def test_what_waits_is_a_report_or_an_appeal(changes: dict[str, Any], hours: int) -> None:
    cases = MemoryTakedowns()
    assert oldest_waiting(cases, NOON) == timedelta()
    cases.add(case(**changes))
    assert oldest_waiting(cases, NOON + timedelta(hours=40)) == timedelta(hours=hours)


def test_all_pages_of_cases_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.operating.orders.LISTED", 2)
    cases = MemoryTakedowns()
    for number in range(5):
        at = (NOON + timedelta(minutes=number)).isoformat()
        cases.add(case(number, received_at=at))
    assert oldest_waiting(cases, NOON + timedelta(hours=1)) == timedelta(hours=1)


def test_what_waits_is_listed_however_many_came_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.operating.orders.LISTED", 2)
    cases = MemoryTakedowns()
    refused, appealed = {"status": "refused"}, {"appealed_at": NOON.isoformat()}
    states = [{}, refused, {"status": "accepted"} | appealed, {"status": "accepted"}]
    for number, changes in enumerate([*states, refused, refused]):
        at = (NOON + timedelta(minutes=number)).isoformat()
        cases.add(case(number, received_at=at, **changes))
    listed = decide(TakedownOrder(action="list"), deciding(cases), NOON).cases
    assert [int(one.case_id[3:]) for one in listed] == [5, 4, 2, 0]


def test_a_case_that_is_not_there_is_unknown_and_a_list_needs_none() -> None:
    cases = MemoryTakedowns()
    services = deciding(cases)
    assert decide(order("accept"), services, NOON) == TakedownAnswer(outcome="unknown")
    cases.add(case())
    assert decide(TakedownOrder(action="list"), services, NOON).cases == (case(),)
    assert decide(order("list"), services, NOON).cases == (case(),)
