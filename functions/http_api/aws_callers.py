"""Callers with AWS credentials: ``/iam/<tenant>/v1/...``, which IAM lets only this tenant's use.

API Gateway checks the signature and asks IAM whether the caller may use the path, before the
function is started. The tenant in the path is therefore what the caller's policies say, and no word
of the caller: docs/decisions/0046-tenants-with-aws-credentials.md.
"""

import re
from typing import Any

from contracts.documents.api.callers import AuthorizerContext, Scope

PREFIX = "/iam/"
SCOPES: tuple[Scope, ...] = ("read", "train", "draw", "erase")
"""IAM narrows these by method and path. ``admin`` is not among them: a key that a session made
would outlive the session."""

_ADDRESS = re.compile(r"/iam/([A-Za-z0-9][A-Za-z0-9_-]{0,63})(/v1/.+)")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}")


def without_prefix(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with the address that routes know; an event of another route unchanged."""
    found = _ADDRESS.fullmatch(event.get("rawPath", ""))
    if found is None:
        return event
    context = event["requestContext"]
    return {
        **event,
        "rawPath": found[2],
        "requestContext": {**context, "http": {**context["http"], "path": found[2]}},
    }


def signed_caller(event: dict[str, Any]) -> dict[str, str]:
    """Return who calls an address with a tenant, in the words of ``authorize``.

    Nobody, if API Gateway has not checked a signature, or the address is none of ours.
    """
    identity = event["requestContext"].get("authorizer", {}).get("iam") or {}
    found = _ADDRESS.fullmatch(event["rawPath"])
    principal = str(identity.get("userId") or "").partition(":")[0]
    if found is None or _PLAIN.fullmatch(principal) is None:
        return {}
    known = AuthorizerContext(
        tenant=found[1], subject=f"iam:{principal}", scopes=",".join(SCOPES), mode="live"
    )
    return known.model_dump()
