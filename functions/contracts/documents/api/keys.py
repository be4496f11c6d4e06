"""API keys as the HTTP API shows and makes them."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document
from contracts.documents.api.callers import ApiKey, KeyId, KeyName, Mode, Scope
from contracts.documents.api.numbers import NUMBER


class NewKey(Document):
    """Body of ``POST /v1/keys``."""

    name: KeyName

    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]

    mode: Mode = "live"

    days: Annotated[int, Field(ge=1, le=3650), NUMBER] | None = None
    """Days after which the key is refused; absent: it does not expire."""


class Rotation(Document):
    """Body of ``POST /v1/keys/{id}:rotate``."""

    overlap_seconds: Annotated[int, Field(ge=0, le=2_592_000), NUMBER] = 86_400
    """Seconds for which the old key is still accepted."""


class KeyView(Document):
    """One key, without its secret."""

    object: Literal["key"] = "key"

    id: KeyId

    name: KeyName

    scopes: tuple[Scope, ...]

    mode: Mode

    created_at: str

    expires_at: str | None

    revoked_at: str | None

    last_used_at: str | None
    """Accurate to a minute."""

    token: str | None = None
    """The key itself: only in the answer that makes it, and never again."""

    @classmethod
    def of(cls, key: ApiKey, token: str | None = None) -> "KeyView":
        """Return what a caller may see of a key."""
        return cls(
            id=key.key_id,
            name=key.name,
            scopes=key.scopes,
            mode=key.mode,
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            last_used_at=key.last_used_at,
            token=token,
        )


class KeyList(Document):
    """The tenant's keys, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[KeyView, ...]


class Me(Document):
    """Who calls."""

    object: Literal["caller"] = "caller"

    tenant: str

    subject: str

    scopes: tuple[Scope, ...]

    mode: Mode


class Quotas(Document):
    """How much the tenant may ask for, and what is used of it."""

    trainings_per_day: int

    trainings_today: int
    """Trainings that were begun since midnight (UTC)."""

    requests_per_minute: int

    pictures_per_minute: int


class Usage(Document):
    """What a tenant has used in a month."""

    object: Literal["usage"] = "usage"

    month: str

    trainings: int
    """Trainings that were begun, without the trials of sweeps."""

    succeeded: int

    failed: int

    canceled: int

    usd: float | None
    """Cost of the trainings as far as it is known; null where a price is unknown."""

    quotas: Quotas
