"""The rows of an archive: jobs, models, consents, the audit trail; secrets stay where they are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from contracts.document import Document
from contracts.documents.api.members import MemberView
from contracts.documents.appeal import AppealRow
from contracts.documents.audit import AuditEntry, about
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.export import ExportSubject
from contracts.documents.record import JobRecord
from domain.erasure import erasing
from domain.erasure.reach import Reach
from domain.exporting.services import ExportServices
from domain.ports.exports import place_of as place_of_export
from domain.ports.people import NoUserPoolError
from domain.ports.pictures import place_of

PAGE = 500
MAX_DELIVERIES = 100_000
"""Deliveries of one webhook; they are kept for some days."""

APPEAL = "ap_"
"""How the id of an appeal begins."""

INSIDE = {"task_token", "execution_arn", "trace_header"}
"""Fields of a job's row that name a run of ours, or let a caller answer for it."""


class Records(NamedTuple):
    """One file of the archive."""

    store: str
    file: str
    rows: list[dict[str, Any]]
    why: str | None = None
    """What of the rows is not there; None: nothing."""


D = TypeVar("D", bound=Document)


def records_of(
    subject: ExportSubject,
    reach: Reach,
    consents: Sequence[ConsentRecord],
    services: ExportServices,
) -> Iterator[Records]:
    """Yield what the tables have about the subject."""
    yield from records_of_jobs(reach, services)
    yield Records("records of consents", "consents.json", dumped(consents))
    yield Records("audit entries", "audit.json", dumped(audit_of(subject, reach, services)))
    if subject.kind == "tenant":
        yield from records_of_tenant(subject.tenant, services)


def records_of_jobs(reach: Reach, services: ExportServices) -> Iterator[Records]:
    """Yield the rows of jobs, of their models and of what these have drawn."""
    tenant, jobs = reach.subject.tenant, set(reach.job_ids)
    yield Records(
        "job rows",
        "jobs.json",
        dumped(reach.records, INSIDE),
        "without the token and the name of the execution" if reach.records else None,
    )
    yield Records("prices", "prices.json", [prices_of(record) for record in reach.records])
    models = [one for one in services.model_rows.of(tenant) if one.model_id in jobs]
    yield Records("model rows", "models.json", dumped(models))
    found = ((one.model_id, services.approvals.get(tenant, one.model_id)) for one in models)
    approvals = [{"model_id": name, **one.model_dump()} for name, one in found if one is not None]
    yield Records("approvals", "approvals.json", approvals)
    pictures = pages(lambda before: services.pictures.of(tenant, PAGE, before), place_of)
    own = [one for one in pictures if one.model_id in jobs]
    yield Records("picture orders", "pictures.json", dumped(own))
    uploads = [{"upload": upload} for upload in reach.uploads]
    yield Records("upload rows", "uploads.json", uploads)


def records_of_tenant(tenant: str, services: ExportServices) -> Iterator[Records]:
    """Yield what belongs to no upload: people, keys and webhooks, without what signs."""
    yield Records("people", "people.json", dumped(people_of(tenant, services)))
    keys = services.keys.of(tenant)
    yield Records(
        "API keys",
        "keys.json",
        dumped(keys, {"secret_sha256"}),
        "without the hash of the secret" if keys else None,
    )
    webhooks = services.webhooks.of(tenant)
    yield Records(
        "webhooks",
        "webhooks.json",
        dumped(webhooks, {"secrets"}),
        "without the secrets that sign" if webhooks else None,
    )
    sent = [
        delivery
        for one in webhooks
        for delivery in services.webhooks.deliveries(one.webhook_id, MAX_DELIVERIES)
    ]
    yield Records("webhook deliveries", "deliveries.json", dumped(sent))
    yield Records("appeals", "appeals.json", dumped(appeals_of(tenant, services)))
    yield Records("aliases", "aliases.json", [*aliases_of(tenant, services)])
    exports = pages(lambda before: services.exports.of(tenant, PAGE, before), place_of_export)
    yield Records("export rows", "exports.json", dumped(exports))


def aliases_of(tenant: str, services: ExportServices) -> Iterator[dict[str, Any]]:
    """Yield the tenant's aliases, and what was measured of each version: a row each."""
    yield from dumped(services.aliases.of(tenant))
    for name, versions in services.aliases.all_figures(tenant).items():
        for model_id, figures in versions.items():
            yield {"alias": name, "model_id": model_id, **figures.model_dump(mode="json")}


def appeals_of(tenant: str, services: ExportServices) -> Iterator[AppealRow]:
    """Yield the tenant's appeals, the newest first.

    Their index has one partition for all tenants; the tenant's own audit trail names each of its
    appeals, and is kept as long as they are.
    """
    entries = pages(
        lambda before: services.audit.of(tenant, PAGE, before), lambda entry: entry.place
    )
    named = (one.partition(":")[2] for entry in entries for one in entry.about)
    for name in dict.fromkeys(name for name in named if name.startswith(APPEAL)):
        row = services.appeals.get(name)
        if row is not None and row.tenant == tenant:
            yield row


def people_of(tenant: str, services: ExportServices) -> list[MemberView]:
    """Return who signs in for the tenant; nobody where people sign in elsewhere."""
    try:
        return services.people.of(tenant)
    except NoUserPoolError:
        return []


def api_rows_of(reach: Reach, services: ExportServices) -> int:
    """Return how many rows the HTTP API has about the subject."""
    return sum(services.erasures.count_api_rows(erasing.api_rows_of(reach)).values())


def prices_of(record: JobRecord) -> dict[str, Any]:
    """Return what a job was to cost, and has cost so far."""
    return record.model_dump(mode="json", include={"job_id", "estimate", "receipts"})


def audit_of(
    subject: ExportSubject, reach: Reach, services: ExportServices
) -> Iterator[AuditEntry]:
    """Yield the entries of the tenant, or those that name the person's uploads or jobs."""
    entries = pages(
        lambda before: services.audit.of(subject.tenant, PAGE, before), lambda one: one.place
    )
    ids = {about("id", name).partition(":")[2] for name in (*reach.uploads, *reach.job_ids)}
    for entry in entries:
        named = {one.partition(":")[2] for one in entry.about}
        if subject.kind == "tenant" or named & ids:
            yield entry


def pages(read: Callable[[str | None], Sequence[D]], place: Callable[[D], str]) -> Iterator[D]:
    """Yield all rows of a listing."""
    before: str | None = None
    while found := read(before):
        yield from found
        before = place(found[-1])


def dumped(rows: Iterable[Document], without: set[str] | None = None) -> list[dict[str, Any]]:
    """Return documents as JSON's values."""
    return [row.model_dump(mode="json", exclude=without, exclude_none=True) for row in rows]
