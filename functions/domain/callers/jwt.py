"""JSON Web Tokens of people: the signature, the claims, and the caller that they name.

Only RS256 is accepted, whatever a token's header asks for. Verifying needs the public key alone, so
nothing here is secret: the signature is raised to the public exponent, and must equal the whole
padded block of PKCS #1 v1.5 that the text demands. No block is ever parsed.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic import ValidationError

from contracts.documents.api.callers import ROLE_SCOPES, Caller, Claims, Refusal, Role

ALGORITHM = "RS256"
CLOCK_SKEW_SECONDS = 60
MAX_TOKEN_CHARACTERS = 8192
MIN_KEY_BITS = 2048
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""ASN.1 of "a SHA-256 digest follows" (RFC 8017, 9.2)."""

_KEY_ID = re.compile(r"[A-Za-z0-9+/=_-]{1,128}")
_SUBJECT = re.compile(r"[A-Za-z0-9._:@|/-]{1,120}")

Jwk = Mapping[str, Any]
FindKey = Callable[[str], Jwk | None]
"""Returns the issuer's public key of an id; None when the issuer has no such key."""


class Issuer(NamedTuple):
    """Whose tokens are accepted, and where they say tenant and role."""

    issuer: str
    audience: str
    tenant_claim: str
    role_claim: str


class _BadTokenError(Exception):
    """The token is not one that this issuer has signed for us."""


def caller_of_jwt(token: str, issuer: Issuer, key: FindKey, now: datetime) -> Caller | Refusal:
    """Return the person and tenant that a token names, or why it is refused."""
    try:
        claims = verified(token, key)
        _check(claims, issuer, now)
    except _BadTokenError:
        return "unauthorized"
    return _caller(claims, issuer)


def verified(token: str, key: FindKey) -> Claims:
    """Return the claims of a token whose signature is right."""
    parts = token.split(".")
    if len(token) > MAX_TOKEN_CHARACTERS or len(parts) != 3:  # noqa: PLR2004 - head, claims, sign
        raise _BadTokenError
    head = _object(parts[0])
    key_id = head.get("kid")
    if head.get("alg") != ALGORITHM or "crit" in head:
        raise _BadTokenError
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise _BadTokenError
    jwk = key(key_id)
    if jwk is None or not _signed(f"{parts[0]}.{parts[1]}", _bytes(parts[2]), jwk):
        raise _BadTokenError
    return _object(parts[1])


def _signed(text: str, signature: bytes, jwk: Jwk) -> bool:
    """Return whether RSASSA-PKCS1-v1_5 with SHA-256 verifies (RFC 8017, 8.2.2)."""
    if jwk.get("kty") != "RSA" or jwk.get("use", "sig") != "sig":
        return False
    modulus = int.from_bytes(_bytes(str(jwk.get("n", ""))))
    exponent = int.from_bytes(_bytes(str(jwk.get("e", ""))))
    size = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature)
    if modulus.bit_length() < MIN_KEY_BITS or len(signature) != size or number >= modulus:
        return False
    info = _DIGEST_INFO + sha256(text.encode()).digest()
    wanted = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    return pow(number, exponent, modulus).to_bytes(size) == wanted


def _check(claims: Claims, issuer: Issuer, now: datetime) -> None:
    """Raise unless the token was made by this issuer, for us, and is valid now."""
    at = now.timestamp()
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires: Any = claims.get("exp")
    begins: Any = claims.get("nbf", 0)
    if claims.get("iss") != issuer.issuer or issuer.audience not in audiences:
        raise _BadTokenError
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:  # whose token it is
        raise _BadTokenError
    if claims.get("token_use", "id") != "id":  # Cognito's access tokens name no tenant
        raise _BadTokenError
    if not _is_time(expires) or not _is_time(begins):
        raise _BadTokenError
    if not begins - CLOCK_SKEW_SECONDS <= at < expires + CLOCK_SKEW_SECONDS:
        raise _BadTokenError


def _caller(claims: Claims, issuer: Issuer) -> Caller | Refusal:
    role: Role = "viewer"  # the least, for a token that names no role of ours
    for known in ROLE_SCOPES:
        if claims.get(issuer.role_claim) == known:
            role = known
    try:
        return Caller(
            tenant=claims.get(issuer.tenant_claim) or "",
            subject=f"person:{_opaque(claims['sub'])}",
            scopes=ROLE_SCOPES[role],
        )
    except ValidationError:
        return "tenant_missing"


def _opaque(subject: str) -> str:
    """Return an issuer's id of a person; one with other characters than ours as its hash.

    An issuer may write up to 255 ASCII characters (OpenID Connect Core, 2).
    """
    return subject if _SUBJECT.fullmatch(subject) else sha256(subject.encode()).hexdigest()[:32]


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(part))
    except (ValueError, RecursionError):
        raise _BadTokenError from None
    if not isinstance(found, dict):
        raise _BadTokenError
    return found


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise _BadTokenError from None
