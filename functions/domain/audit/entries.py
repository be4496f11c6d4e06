"""Entries of the audit trail."""

from collections.abc import Iterable
from datetime import datetime
from secrets import token_hex
from typing import NamedTuple

from contracts.documents.audit import MAX_IDS, AuditEntry, about
from domain.ports.audit import AuditTrail


class Deed(NamedTuple):
    """Who did what to which ids."""

    who: str
    """An Actor."""
    action: str
    """An Action."""
    ids: Iterable[tuple[str, str]]
    """Kind and id of everything that it was done to."""


def record(trail: AuditTrail, tenant: str, deed: Deed, now: datetime) -> None:
    """Store an entry of a tenant, which stands there as a hash.

    A deed to more ids than an entry holds has several entries, each of which begins with its first.
    """
    first, *others = dict.fromkeys(about(kind, ident) for kind, ident in deed.ids) or [None]
    step = MAX_IDS - 1
    for start in range(0, max(len(others), 1), step):
        entry = AuditEntry(
            entry_id=token_hex(12),
            at=now.isoformat(),
            who=deed.who,
            action=deed.action,
            about=(() if first is None else (first, *others[start : start + step])),
        )
        trail.add(tenant, entry)
