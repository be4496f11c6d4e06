"""API keys: ``lk_live_<id>_<secret>``. The id names the key, the secret proves it.

Only a hash of the secret is stored. Both halves are hexadecimal, so that a double click selects the
whole key, and scanners for leaked secrets can find it by its beginning.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex
from typing import NamedTuple

from contracts.documents.api.callers import ApiKey, Caller, Mode, Refusal, Scope
from domain.ports.api_keys import ApiKeys

PREFIX = "lk_"
_FORM = re.compile(r"lk_(live|mock)_([0-9a-f]{16})_([0-9a-f]{64})")
USE_IS_NOTED_AFTER = timedelta(minutes=1)
"""A busy key is not written at each request."""


class NewKey(NamedTuple):
    """A key that was just made."""

    stored: ApiKey
    token: str
    """What the caller sends; it cannot be read again."""


def make_key(  # noqa: PLR0913 - what a key is made of
    tenant: str,
    name: str,
    scopes: Sequence[Scope],
    now: datetime,
    *,
    mode: Mode = "live",
    lifetime: timedelta | None = None,
) -> NewKey:
    """Return a new key and its token.

    Args:
        tenant: whom the key speaks for.
        name: what the tenant calls it.
        scopes: what it may do.
        now: in UTC.
        mode: mock keys get answers that are made up.
        lifetime: after which the key is refused; None: it does not expire.

    Raises:
        ValidationError: tenant, name or scopes are not valid.
    """
    key_id, secret = token_hex(8), token_hex(32)
    stored = ApiKey(
        key_id=key_id,
        tenant=tenant,
        name=name,
        scopes=tuple(dict.fromkeys(scopes)),
        mode=mode,
        secret_sha256=sha256(secret.encode()).hexdigest(),
        created_at=now.isoformat(),
        expires_at=None if lifetime is None else (now + lifetime).isoformat(),
    )
    return NewKey(stored, f"{PREFIX}{mode}_{key_id}_{secret}")


def caller_of_key(token: str, keys: ApiKeys, now: datetime) -> Caller | Refusal:
    """Return whom a key speaks for, or why it is refused; a valid key's use is noted.

    An unknown id and a wrong secret are refused alike.
    """
    parts = _FORM.fullmatch(token)
    found = None if parts is None else keys.get(parts[2])
    if parts is None or found is None:
        return "unauthorized"
    digest = sha256(parts[3].encode()).hexdigest()
    if not compare_digest(digest, found.secret_sha256) or parts[1] != found.mode:
        return "unauthorized"
    if has_ended(found, now):
        return "key_expired"
    if _use_is_old(found, now):
        keys.used(found.key_id, now)
    subject = f"key:{found.key_id}"
    return Caller(tenant=found.tenant, subject=subject, scopes=found.scopes, mode=found.mode)


def has_ended(key: ApiKey, now: datetime) -> bool:
    """Return whether the key is refused from now on."""
    return key.expires_at is not None and datetime.fromisoformat(key.expires_at) <= now


def lifetime_of(key: ApiKey) -> timedelta | None:
    """Return how long a key lasts from its making on; None: it does not expire."""
    if key.expires_at is None:
        return None
    return datetime.fromisoformat(key.expires_at) - datetime.fromisoformat(key.created_at)


def _use_is_old(key: ApiKey, now: datetime) -> bool:
    if key.last_used_at is None:
        return True
    return now - datetime.fromisoformat(key.last_used_at) >= USE_IS_NOTED_AFTER
