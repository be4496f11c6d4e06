"""Find the model that a reported picture's marks name, and tell the operators."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from contracts.documents.takedown import MAX_MODELS, MAX_PICTURE_BYTES, TakedownCase
from contracts.shared import layout
from contracts.shared.pictures.mark_keys import mark_id
from domain.ports.storage import Storage
from domain.ports.takedown import FoundMarks, MarkReader, ModelIds, Operators, TakedownCases

MAX_PNG_BYTES = 200_000_000
SUBJECT = "Likeness: a takedown was reported"


class FindingServices(NamedTuple):
    """What looking for marks needs."""

    cases: TakedownCases
    uploads: Storage
    marks: MarkReader
    models: ModelIds
    operators: Operators


def find_model(case_id: str, services: FindingServices, now: datetime) -> TakedownCase | None:
    """Read the marks of a case's picture; return the case, or None when there is no such case.

    An event that comes twice finds the case looked at, and tells nobody again.
    """
    case = services.cases.get(case_id)
    if case is None or case.looked_at is not None:
        return case
    prefix = layout.uploads.takedown_prefix(case_id)
    file = services.uploads.read(prefix + layout.uploads.TAKEDOWN_FILE, MAX_PICTURE_BYTES)
    png = services.uploads.read(prefix + layout.uploads.TAKEDOWN_PICTURE, MAX_PNG_BYTES)
    found = services.marks.read(file, png)
    models = tuple(dict.fromkeys(named(found, services.models)))[:MAX_MODELS]
    looked = case.model_copy(
        update={
            "looked_at": now.isoformat(),
            "credentials": found.credentials,
            "watermark": found.watermark is not None,
            "models": models,
        }
    )
    if services.cases.replace(case, looked):
        services.operators.publish(SUBJECT, words_of(looked))
        return looked
    return services.cases.get(case_id)


def named(found: FoundMarks, models: ModelIds) -> Iterator[str]:
    """Yield the ids of the models that the marks name; a picture is compared with no face."""
    known = models.by_adapter()
    if found.model is not None and found.model in known:
        yield known[found.model]
    if found.watermark is not None and found.watermark_key is not None:
        key, ident = found.watermark_key, found.watermark
        yield from (known[adapter] for adapter in known if mark_id(key, adapter) == ident)


def words_of(case: TakedownCase) -> str:
    """Return what operators are told: ids and times."""
    found = ", ".join(case.models) or "none: the picture has no mark that names one"
    return (
        f"Case {case.case_id}, reason {case.reason}. Models found: {found}.\n"
        f"Decide until {case.due_at}: likeness takedown list; docs/runbooks/takedown_hours.md\n"
    )
