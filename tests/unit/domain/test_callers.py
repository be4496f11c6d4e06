"""Who calls: API keys, tokens of people, and what is refused."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from contracts.documents.api.callers import Caller, Scope
from domain.callers.calling import Doors, RefusedCallerError, caller_from, identify
from domain.callers.jwt import Issuer, Jwk
from domain.callers.keys import make_key
from tests.fakes.api_keys import MemoryApiKeys

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ISSUER = Issuer("https://issuer.test/people", "studio", "custom:tenant", "custom:role")
CLAIMS = {
    "iss": ISSUER.issuer,
    "aud": "studio",
    "sub": "6c8a8498",
    "token_use": "id",
    "exp": NOON.timestamp() + 3600,
    "custom:tenant": "acme",
    "custom:role": "member",
}
SCOPES: list[Scope] = ["read", "train"]


@cache
def private(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def part(document: object) -> str:
    return b64(json.dumps(document).encode())


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def jwk(bits: int = 2048) -> Jwk:
    numbers = private(bits).public_key().public_numbers()
    return {"kid": "k1", "kty": "RSA", "use": "sig", "n": number(numbers.n), "e": number(numbers.e)}


def token(
    claims: dict[str, Any] | None = None, head: dict[str, Any] | None = None, bits: int = 2048
) -> str:
    text = f"{part({'alg': 'RS256', 'kid': 'k1', **(head or {})})}.{part(CLAIMS | (claims or {}))}"
    signed = private(bits).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{b64(signed)}"


def asked(header: str, keys: MemoryApiKeys | None = None, bits: int = 2048) -> Caller | str:
    """Return the caller that a header makes, or the code of the refusal."""
    found = {"k1": jwk(bits)}
    doors = Doors(keys or MemoryApiKeys(), ISSUER, found.get)
    context = identify({"authorization": header}, doors, NOON)
    try:
        return caller_from(context.model_dump())
    except RefusedCallerError as error:
        return error.code


def stored(**more: Any) -> tuple[MemoryApiKeys, str]:
    keys, made = MemoryApiKeys(), make_key("acme", "a server", SCOPES, NOON, **more)
    keys.add(made.stored)
    return keys, made.token


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
def test_a_key_speaks_for_its_tenant_with_its_scopes(scheme: str) -> None:
    keys, text = stored()
    (row,) = keys.rows.values()
    assert asked(f"{scheme}{text}", keys) == Caller(
        tenant="acme", subject=f"key:{row.key_id}", scopes=("read", "train")
    )


def test_a_key_s_secret_is_stored_nowhere() -> None:
    keys, text = stored()
    secret = text.split("_")[3]
    assert len(secret) == 64
    assert secret not in repr(keys.rows)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.replace("_live_", "_mock_"),
        lambda text: text.upper(),
        lambda text: text + "0",
        lambda text: text[:8] + "0" * 16 + text[24:],
        lambda _: "lk_",
    ],
)
def test_a_changed_key_is_nobody_s(change: Callable[[str], str]) -> None:
    keys, text = stored()
    assert asked(change(text), keys) == "unauthorized"
    assert keys.writes == 0


@pytest.mark.parametrize(
    ("minutes", "found"), [(-1, "key_expired"), (0, "key_expired"), (1, "acme")]
)
def test_a_key_ends_at_its_minute(minutes: int, found: str) -> None:
    keys, text = stored(lifetime=timedelta(minutes=minutes))
    answer = asked(text, keys)
    assert (answer.tenant if isinstance(answer, Caller) else answer) == found


def test_the_last_use_is_written_once_a_minute() -> None:
    keys, text = stored()
    for _ in range(3):
        asked(text, keys)
    (row,) = keys.rows.values()
    assert (row.last_used_at, keys.writes) == (NOON.isoformat(), 1)


def test_a_mock_key_is_known_as_one() -> None:
    keys, text = stored(mode="mock")
    answer = asked(text, keys)
    assert isinstance(answer, Caller)
    assert answer.mode == "mock"


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("viewer", ("read",)),
        ("member", ("read", "train", "draw")),
        ("owner", ("read", "train", "draw", "erase", "admin")),
        ("root", ("read",)),
        (None, ("read",)),
        (["owner"], ("read",)),
    ],
)
def test_a_person_may_do_what_the_role_allows(role: object, scopes: tuple[Scope, ...]) -> None:
    answer = asked(f"Bearer {token({'custom:role': role})}")
    assert answer == Caller(tenant="acme", subject="person:6c8a8498", scopes=scopes)


BAD_CLAIMS = [
    {"iss": "https://issuer.test/others"},
    {"aud": "another"},
    {"aud": ["another"]},
    {"token_use": "access"},
    {"exp": NOON.timestamp() - 61},
    {"exp": "tomorrow"},
    {"exp": True},
    {"exp": None},
    {"nbf": NOON.timestamp() + 61},
    {"sub": None},
    {"sub": ""},
    {"sub": 7},
]


@pytest.mark.parametrize("claims", BAD_CLAIMS, ids=str)
def test_a_token_for_others_or_another_time_is_refused(claims: dict[str, Any]) -> None:
    assert asked(token(claims)) == "unauthorized"


@pytest.mark.parametrize("tenant", [None, "", "a b", "../victim", "acme/uploads", 7, ["acme"]])
def test_a_token_without_a_tenant_of_ours_is_nobody_s(tenant: object) -> None:
    assert asked(token({"custom:tenant": tenant})) == "tenant_missing"


BAD_HEADS = [
    {"alg": "none"},
    {"alg": "HS256"},
    {"alg": "RS512"},
    {"kid": "k2"},
    {"kid": 1},
    {"crit": []},
]


@pytest.mark.parametrize("head", BAD_HEADS, ids=str)
def test_only_one_algorithm_and_known_keys_are_accepted(head: dict[str, Any]) -> None:
    assert asked(token(head=head)) == "unauthorized"


def test_a_weak_key_of_the_issuer_is_not_used() -> None:
    assert asked(token(bits=1024), bits=1024) == "unauthorized"


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_changed_token_is_refused(at: int) -> None:
    parts = token().split(".")
    parts[at] = parts[at][:-2] + ("AA" if not parts[at].endswith("AA") else "BB")
    assert asked(".".join(parts)) == "unauthorized"


def test_a_signature_that_is_a_cube_is_no_signature() -> None:
    """Bleichenbacher's forgery needs a verifier that reads the block; ours compares all of it."""
    text = ".".join(token().split(".")[:2])
    zero = b64(bytes(256))
    assert asked(f"{text}.{zero}") == "unauthorized"
    assert asked(f"{text}.{b64(private().public_key().public_numbers().n.to_bytes(256))}") == (
        "unauthorized"
    )


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer  ", "x", "a.b.c", "..", "é.é.é", "." * 9000]
)
def test_anything_else_is_refused_without_a_crash(header: str) -> None:
    assert asked(header) == "unauthorized"


def test_whoever_stands_behind_the_authorizer_gets_no_caller_from_nothing() -> None:
    with pytest.raises(RefusedCallerError):
        caller_from({})


def test_a_person_of_any_issuer_has_an_id_of_ours() -> None:
    found = [asked(token({"sub": sub})) for sub in ("auth0|6c8a", "a+b=c d", "x" * 255)]
    subjects = [one.subject for one in found if isinstance(one, Caller)]
    assert subjects[0] == "person:auth0|6c8a"
    assert [len(one) for one in subjects[1:]] == [39, 39]
    assert len(set(subjects)) == 3


@pytest.mark.parametrize("audience", [["studio"], ["another", "studio"]])
def test_a_token_may_be_for_several(audience: list[str]) -> None:
    assert isinstance(asked(token({"aud": audience})), Caller)
