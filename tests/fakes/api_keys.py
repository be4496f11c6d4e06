"""domain.ports.api_keys.ApiKeys in memory."""

from datetime import datetime

from contracts.documents.api.callers import ApiKey


class MemoryApiKeys:
    def __init__(self) -> None:
        self.rows: dict[str, ApiKey] = {}
        self.writes = 0

    def add(self, key: ApiKey) -> None:
        assert key.key_id not in self.rows
        self.rows[key.key_id] = key

    def get(self, key_id: str) -> ApiKey | None:
        return self.rows.get(key_id)

    def of(self, tenant: str) -> list[ApiKey]:
        found = [key for key in self.rows.values() if key.tenant == tenant]
        return sorted(found, key=lambda key: key.created_at, reverse=True)

    def used(self, key_id: str, now: datetime) -> None:
        self._set(key_id, last_used_at=now.isoformat())

    def end(self, key_id: str, tenant: str, at: datetime, *, revoked: bool) -> bool:
        key = self.rows.get(key_id)
        if key is None or key.tenant != tenant:
            return False
        if key.expires_at is None or key.expires_at > at.isoformat():
            more = {"revoked_at": at.isoformat()} if revoked else {}
            self._set(key_id, expires_at=at.isoformat(), **more)
        return True

    def _set(self, key_id: str, **changes: str) -> None:
        if key_id in self.rows:
            self.writes += 1
            self.rows[key_id] = self.rows[key_id].model_copy(update=changes)
