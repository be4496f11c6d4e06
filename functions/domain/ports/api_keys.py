"""What the rules need of stored API keys."""

from datetime import datetime
from typing import Protocol

from contracts.documents.api.callers import ApiKey


class ApiKeys(Protocol):
    """One row for each API key."""

    def add(self, key: ApiKey) -> None:
        """Store a new key."""
        ...

    def get(self, key_id: str) -> ApiKey | None:
        """Return the key as last written; None when there is none."""
        ...

    def of(self, tenant: str) -> list[ApiKey]:
        """Return the tenant's keys, newest first."""
        ...

    def used(self, key_id: str, now: datetime) -> None:
        """Store that the key was used; do nothing for a key that is gone."""
        ...

    def end(self, key_id: str, tenant: str, at: datetime, *, revoked: bool) -> bool:
        """Let the tenant's key expire at this time, never later than it would; False: no such key.

        Args:
            key_id: the key.
            tenant: who must own it.
            at: from when on it is refused.
            revoked: store also that it was revoked.
        """
        ...
