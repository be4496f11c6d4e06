"""The public keys of whoever signs people's tokens: the stack's user pool, or an OIDC issuer."""

import json
import time
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from aws import settings
from aws.clients import client
from domain.callers.jwt import Issuer, Jwk

TIMEOUT_SECONDS = 3
MAX_BYTES = 256 * 1024
KEPT_SECONDS = 3600
"""An issuer may withdraw a key; this is how long it is still accepted."""

PAUSE_SECONDS = 30
"""A token with an unknown key id makes us look again, but not more often than this."""

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/.well-known/jwks.json"


class IssuerUnreachableError(Exception):
    """The issuer's keys cannot be read. Whoever signs in has to try again later."""


class IssuerKeys:
    """The keys of one issuer, fetched when they are needed and kept for an hour."""

    def __init__(self, address: str, *, discover: bool) -> None:
        """Remember where the keys are.

        Args:
            address: the issuer's address, or that of its keys.
            discover: ask the issuer where its keys are (OpenID Connect Discovery).
        """
        self._address, self._discover = address, discover
        self._keys: dict[str, Jwk] = {}
        self._fetched_at = -float("inf")

    def find(self, key_id: str) -> Jwk | None:
        """Return the key of this id; None when the issuer has none.

        Raises:
            IssuerUnreachableError: the keys cannot be read.
        """
        age = time.monotonic() - self._fetched_at
        if age > KEPT_SECONDS or (key_id not in self._keys and age > PAUSE_SECONDS):
            self._keys, self._fetched_at = self._fetch(), time.monotonic()
        return self._keys.get(key_id)

    def _fetch(self) -> dict[str, Jwk]:
        address = self._address
        if self._discover:
            address = str(_read(f"{address.rstrip('/')}{DISCOVERY}").get("jwks_uri", ""))
        found = _read(address).get("keys")
        keys = found if isinstance(found, list) else []
        return {str(key["kid"]): key for key in keys if isinstance(key, dict) and "kid" in key}


def _read(address: str) -> dict[str, Any]:
    if not address.startswith(("https://", "http://127.0.0.1:")):  # the laptop's AWS has no TLS
        raise IssuerUnreachableError
    try:
        request = Request(address, headers={"Accept": "application/json"})  # noqa: S310 - checked
        with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - checked above
            found = json.loads(answer.read(MAX_BYTES))
    except (URLError, OSError, ValueError) as error:
        raise IssuerUnreachableError from error
    return found if isinstance(found, dict) else {}


def issuer_from_env() -> Issuer:
    """Return whose tokens are accepted."""
    return Issuer(
        issuer=settings.text("JWT_ISSUER"),
        audience=settings.text("JWT_AUDIENCE"),
        tenant_claim=settings.text("TENANT_CLAIM"),
        role_claim=settings.text("ROLE_CLAIM"),
    )


def issuer_keys_from_env() -> IssuerKeys:
    """Return the keys of the stack's user pool, or of the issuer that the operator has named."""
    pool = settings.optional("USER_POOL_ID")
    if pool is None:
        return IssuerKeys(settings.text("JWT_ISSUER"), discover=True)
    cognito = str(client("cognito-idp").meta.endpoint_url)
    return IssuerKeys(f"{cognito}/{pool}{JWKS}", discover=False)
