"""Who writes and reads the audit trail."""

from collections.abc import Sequence
from typing import Protocol

from contracts.documents.audit import AuditEntry


class AuditTrail(Protocol):
    """Entries of all tenants; nobody changes or removes one."""

    def add(self, tenant: str, entry: AuditEntry) -> None:
        """Store an entry of a tenant; an entry that is there stays as it is."""
        ...

    def of(self, tenant: str, limit: int, before: str | None) -> Sequence[AuditEntry]:
        """Return at most ``limit`` entries of a tenant, the newest first.

        Args:
            tenant: whose entries.
            limit: largest number of entries.
            before: only entries whose ``place`` is smaller; None: from the newest.
        """
        ...
