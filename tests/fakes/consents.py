"""domain.ports.consents.Consents in memory."""

from datetime import datetime

from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from domain.requests.consent import concerns


class MemoryConsents:
    """Records by job."""

    def __init__(self) -> None:
        self.records: dict[str, ConsentRecord] = {}

    def record(self, record: ConsentRecord) -> None:
        self.records.setdefault(record.model_id, record)

    def get(self, model_id: str) -> ConsentRecord | None:
        return self.records.get(model_id)

    def of(self, tenant: str) -> list[ConsentRecord]:
        found = [one for one in self.records.values() if one.tenant == tenant]
        return sorted(found, key=lambda one: one.recorded_at, reverse=True)

    def withdraw(self, subject: ErasureSubject, now: datetime) -> None:
        for record in self.of(subject.tenant):
            if concerns(record, subject) and record.withdrawn_at is None:
                changed = record.model_copy(update={"withdrawn_at": now.isoformat()})
                self.records[record.model_id] = changed
