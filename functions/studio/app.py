"""Beside the states, studio: the pages of the Studio, which call the HTTP API as their reader.

In     an HTTP request of API Gateway (payload 2.0) for ``/studio`` or ``/studio/<file>``
Out    the file, with headers that allow no code, style or request but the Studio's own
Fails  nothing on purpose: an address without a file is answered 404
"""

import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from aws import settings
from aws.api.hub import hub_bucket_from_env
from aws.clients import client
from aws.parameters.consent import text_version_from_env
from contracts.shared.limits import MIN_PHOTOS
from contracts.shared.people.consent_texts import VALID_DAYS
from runtime.handlers import stage

SITE = Path(__file__).parent / "site"
HOME = "index.html"
SETTINGS = "settings.json"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
ALLOWED = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: {buckets}",
    "media-src 'self' blob:",
    "connect-src 'self' {buckets}{pool}",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
)
"""Content-Security-Policy: photos go to the stack's own buckets, passwords to its user pool, and
nothing anywhere else."""


@stage
def lambda_handler(event: dict[str, Any]) -> dict[str, Any]:
    wanted = event.get("pathParameters", {}).get("proxy")
    if not wanted:
        folder = "studio/" if wanted is None else ""
        return _answer(302, {"Location": folder + HOME})
    body = _settings() if wanted == SETTINGS else files().get(wanted)
    if body is None:
        return _answer(404, {"Content-Type": TYPES[".json"]}, '{"message": "Not Found"}')
    etag = f'"{sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"Content-Type": TYPES[f".{wanted.rpartition('.')[2]}"], "ETag": etag}
    if event.get("headers", {}).get("if-none-match") == etag:
        return _answer(304, headers)
    return _answer(200, headers, body)


@cache
def files() -> dict[str, str]:
    """Return the text of every file by its address; what is not among them is not there."""
    return {
        path.relative_to(SITE).as_posix(): path.read_text()
        for path in SITE.rglob("*")
        if path.suffix in TYPES
    }


def _settings() -> str:
    """Return what the pages must know of the stack."""
    return json.dumps(
        {
            "consent_text_version": text_version_from_env(),
            "consent_days": VALID_DAYS,
            "photo_retention_days": settings.number("PHOTO_RETENTION_DAYS"),
            "min_photos": MIN_PHOTOS,
            "people": _people(),
            "hub": hub_bucket_from_env() is not None,
        }
    )


def _people() -> dict[str, str] | None:
    """Return where people sign in; None where the stack has no user pool."""
    app = settings.optional("USER_POOL_CLIENT_ID")
    return None if app is None else {"url": f"{pool_url()}/", "client": app}


@cache
def pool_url() -> str:
    """Return the address of Cognito in this Region, which the pages ask without any right."""
    return str(client("cognito-idp").meta.endpoint_url)


def _answer(status: int, headers: dict[str, str], body: str = "") -> dict[str, Any]:
    pool = f" {pool_url()}" if settings.optional("USER_POOL_CLIENT_ID") else ""
    policy = "; ".join(ALLOWED).format(buckets=settings.text("STUDIO_BUCKETS"), pool=pool)
    safe = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
    return {"statusCode": status, "headers": {**safe, **headers}, "body": body}
