"""domain.ports.audit.AuditTrail in memory."""

from collections.abc import Sequence

from contracts.documents.audit import AuditEntry, owner_of


class MemoryAudit:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], AuditEntry] = {}

    def add(self, tenant: str, entry: AuditEntry) -> None:
        self.rows.setdefault((owner_of(tenant), entry.place), entry)

    def of(self, tenant: str, limit: int, before: str | None) -> Sequence[AuditEntry]:
        owner = owner_of(tenant)
        own = [entry for (whose, _), entry in self.rows.items() if whose == owner]
        rows = sorted(own, key=lambda entry: entry.place, reverse=True)
        return [row for row in rows if before is None or row.place < before][:limit]
