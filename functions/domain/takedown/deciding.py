"""An operator's yes, no, or second thought, and an owner's appeal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.documents.takedown import TakedownAnswer, TakedownCase, TakedownOrder
from contracts.shared import layout
from domain.audit.entries import Deed, record
from domain.operating.orders import OPERATORS, Orders, carry_out, every_row
from domain.ports.audit import AuditTrail
from domain.ports.storage import Storage
from domain.ports.takedown import JobRows, TakedownCases, place_of


class DecidingServices(NamedTuple):
    """What deciding needs."""

    cases: TakedownCases
    models: Storage
    """The models bucket, whose markers every server reads within seconds."""
    jobs: JobRows
    audit: AuditTrail


def decide(given: TakedownOrder, services: DecidingServices, now: datetime) -> TakedownAnswer:
    """Carry out an operator's order; the same order again changes nothing."""
    orders = Orders[TakedownCase, TakedownAnswer](
        listed=lambda cases: TakedownAnswer(outcome="listed", cases=tuple(cases)),
        unknown=TakedownAnswer(outcome="unknown"),
        waits=lambda case: waiting_since(case) is not None,
        place=place_of,
        actions={
            "accept": lambda case: accept(case, given, services, now),
            "refuse": lambda case: refuse(case, given, services, now),
            "restore": lambda case: restore(case, given, services, now),
        },
    )
    return carry_out(given.action, given.case_id, services.cases, orders)


def accept(
    case: TakedownCase, given: TakedownOrder, services: DecidingServices, now: datetime
) -> TakedownAnswer:
    """Disable the models: markers first, so that a crash leaves them disabled.

    For an accepted case this refuses the owner's appeal, which then waits no longer.
    """
    named = named_models(given.models, case, services.jobs)
    if named is None:
        return TakedownAnswer(outcome="unknown_model", cases=(case,))
    if case.status in {"refused", "restored"}:
        return TakedownAnswer(outcome="decided", cases=(case,))
    if case.status == "accepted" and not set(named) <= set(case.models):
        return TakedownAnswer(outcome="decided", cases=(case,))
    models = case.models if case.status == "accepted" else named or case.models
    if not models:
        return TakedownAnswer(outcome="no_model", cases=(case,))
    disable(models, services)
    if case.status == "accepted" and case.appealed_at is None:
        return TakedownAnswer(outcome="disabled", cases=(case,))
    change = {
        "status": "accepted",
        "models": models,
        "decided_at": now.isoformat(),
        "appealed_at": None,
    }
    answer = decided(case, change, given, services, now)
    if answer.outcome == "decided":  # somebody else has decided meanwhile
        release(models, services)
    else:
        disable(models, services)  # another case's ``release`` may have come in between
    return answer


def named_models(given: Iterable[str], case: TakedownCase, jobs: JobRows) -> tuple[str, ...] | None:
    """Return the models that an operator names, for a sweep's trial its model; None: one is none.

    A misspelt id would disable nothing, and the operator would not be told. What the marks have
    named may be erased since.
    """
    named: list[str] = []
    for model in given:
        job = None if model in case.models else jobs.get(model)
        if job is None and model not in case.models:
            return None
        named.append(model if job is None else job.trial_of or job.job_id)
    return tuple(dict.fromkeys(named))


def refuse(
    case: TakedownCase, given: TakedownOrder, services: DecidingServices, now: datetime
) -> TakedownAnswer:
    """Close an open case with a reason."""
    if case.status != "open":
        outcome = "refused" if case.status == "refused" else "decided"
        return TakedownAnswer.model_validate({"outcome": outcome, "cases": [case]})
    change = {"status": "refused", "why": given.why, "decided_at": now.isoformat()}
    return decided(case, change, given, services, now)


def restore(
    case: TakedownCase, given: TakedownOrder, services: DecidingServices, now: datetime
) -> TakedownAnswer:
    """Let the models of an accepted case be drawn with again; others' cases stay in force.

    The case is closed first: a crash then leaves markers, which the same order removes.
    """
    if case.status not in {"accepted", "restored"}:
        return TakedownAnswer(outcome="decided", cases=(case,))
    answer = TakedownAnswer(outcome="restored", cases=(case,))
    if case.status == "accepted":
        change = {"status": "restored", "decided_at": now.isoformat()}
        answer = decided(case, change, given, services, now)
        if answer.outcome != "restored":
            return answer
    release(case.models, services)
    return answer


def disable(models: Iterable[str], services: DecidingServices) -> None:
    """Write the markers of models."""
    for marker in markers_of(models, services.jobs):
        services.models.write(marker, b"")


def release(models: Sequence[str], services: DecidingServices) -> None:
    """Remove the markers of models that no accepted case disables.

    A case that is accepted meanwhile gets its markers again.
    """
    before = held(services)
    free = [model for model in models if model not in before]
    for marker in markers_of(free, services.jobs):
        services.models.delete(marker)
    disable(held(services).intersection(free), services)


def held(services: DecidingServices) -> set[str]:
    """Return the models that an accepted case disables."""
    return {model for case in in_force(services.cases) for model in case.models}


def markers_of(models: Iterable[str], jobs: JobRows) -> Iterator[str]:
    """Yield the markers of models: servers know a sweep's model by the id of its best trial."""
    for model in models:
        job = jobs.get(model)
        for ident in (model, *(() if job is None else job.trials)):
            yield layout.models.disabled_model_key(ident)


def decided(
    case: TakedownCase,
    change: Mapping[str, object],
    given: TakedownOrder,
    services: DecidingServices,
    now: datetime,
) -> TakedownAnswer:
    """Store a decision and write it down for the operators and for each model's tenant."""
    after = TakedownCase.model_validate({**case.model_dump(), **change})
    if not services.cases.replace(case, after):
        return TakedownAnswer(outcome="decided", cases=(services.cases.get(case.case_id) or case,))
    ids = [("case_id", case.case_id), *(("model_id", model) for model in after.models)]
    deed = Deed(given.by, f"takedown.{after.status}", ids)
    for tenant in {OPERATORS, *tenants_of(after.models, services.jobs)}:
        record(services.audit, tenant, deed, now)
    outcome = "disabled" if after.status == "accepted" else after.status
    return TakedownAnswer.model_validate({"outcome": outcome, "cases": [after]})


def tenants_of(models: Iterable[str], jobs: JobRows) -> set[str]:
    """Return whose models they are, as far as they are not erased."""
    found = (jobs.get(model) for model in models)
    return {job.tenant for job in found if job is not None}


def in_force(cases: TakedownCases) -> Sequence[TakedownCase]:
    """Return the accepted cases."""
    return [case for case in every(cases) if case.status == "accepted"]


def every(cases: TakedownCases) -> list[TakedownCase]:
    """Return all cases, the newest first."""
    return list(every_row(cases, place_of))


def appeal(model: str, cases: TakedownCases, now: datetime) -> TakedownCase | None:
    """Note that the owner asks an operator to look again; None: no case disables the model."""
    for case in in_force(cases):
        if model in case.models:
            if case.appealed_at is not None:
                return case
            asked = case.model_copy(update={"appealed_at": now.isoformat()})
            return asked if cases.replace(case, asked) else cases.get(case.case_id)
    return None


def oldest_waiting(cases: TakedownCases, now: datetime) -> timedelta:
    """Return how long the oldest report or appeal has waited for a decision; 0: none waits."""
    since = [waiting_since(case) for case in every(cases)]
    ages = [now - datetime.fromisoformat(one) for one in since if one is not None]
    return max(ages, default=timedelta())


def waiting_since(case: TakedownCase) -> str | None:
    """Return since when a case waits for an operator; None: it does not."""
    if case.status == "open":
        return case.received_at
    return case.appealed_at if case.status == "accepted" else None
