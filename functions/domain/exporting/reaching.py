"""What an export reaches: the same places as an erasure of the same subject empties."""

from collections.abc import Iterable

from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from contracts.documents.export import ExportSubject
from domain.erasure.reach import Reach, reach_of
from domain.exporting.services import ExportServices


def subjects_of(subject: ExportSubject, own: Iterable[ConsentRecord]) -> list[ErasureSubject]:
    """Return what would be erased to erase the subject: a person's uploads, or one thing.

    Args:
        subject: whose data.
        own: its ``own_consents``, which name a person's uploads.
    """
    if subject.kind == "tenant":
        return [ErasureSubject(tenant=subject.tenant)]
    named = [subject.upload] if subject.upload else [one.upload for one in own]
    return [ErasureSubject(tenant=subject.tenant, upload=one) for one in dict.fromkeys(named)]


def own_consents(subject: ExportSubject, consents: Iterable[ConsentRecord]) -> list[ConsentRecord]:
    """Return the consents that the subject's archive holds.

    A person may be one of several whom a model knows.
    """
    return [
        one
        for one in consents
        if subject.kind == "tenant"
        or (subject.upload is not None and subject.upload == one.upload)
        or subject.given_by in {given.given_by for given in (one.consent, *one.others)}
    ]


def reaches_of(subjects: Iterable[ErasureSubject], services: ExportServices) -> list[Reach]:
    """Return what belongs to each subject, as the tables have it now."""
    return [reach_of(subject, services) for subject in subjects]


def joined(subject: ErasureSubject, reaches: list[Reach]) -> Reach:
    """Return the reaches of some uploads, or of a tenant, as one: for what is read by ids alone."""
    return Reach(
        subject=subject,
        records=tuple({r.job_id: r for reach in reaches for r in reach.records}.values()),
        uploads=tuple(dict.fromkeys(u for reach in reaches for u in reach.uploads)),
        accepting=(),
        models=tuple(dict.fromkeys(m for reach in reaches for m in reach.models)),
    )
