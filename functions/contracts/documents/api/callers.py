"""Who calls the HTTP API: API keys as they are stored, and what the authorizer found out."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.document import Document, OpaqueId, Sha256

Scope = Literal["read", "train", "draw", "erase", "admin", "operate"]
"""``read``: models, jobs, files, usage; ``train``: uploads, trainings, cancel; ``draw``: pictures;
``erase``: deletions; ``admin``: keys, webhooks and the audit trail; ``operate``: takedowns of any
tenant's models, for who runs the stack."""

Role = Literal["owner", "member", "viewer", "operator"]
"""A person's role in a tenant; ``operator`` runs the stack, and sees no tenant's models."""

ROLE_SCOPES: dict[Role, tuple[Scope, ...]] = {
    "viewer": ("read",),
    "member": ("read", "train", "draw"),
    "owner": ("read", "train", "draw", "erase", "admin"),
    "operator": ("operate",),
}

Mode = Literal["live", "mock"]
"""``mock``: answers are made up, nothing is trained and nothing is stored."""

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""The public half of an API key; safe to show and to log."""

KeyName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
"""What the tenant calls the key; user text."""


class ApiKey(Document):
    """One API key as it is stored: a hash, never the secret. Times are ISO 8601 in UTC."""

    schema_version: Literal[1] = 1

    key_id: KeyId

    tenant: OpaqueId

    name: KeyName

    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]

    mode: Mode = "live"

    secret_sha256: Sha256
    """Hash of the secret half. The secret has 256 random bits, so no slow hash is needed."""

    created_at: str

    expires_at: str | None = None
    """From this time on the key is refused; absent: it does not expire."""

    revoked_at: str | None = None

    last_used_at: str | None = None
    """Accurate to a minute."""


class Caller(Document):
    """What a valid credential says. The tenant comes from here and from nowhere else."""

    tenant: OpaqueId

    subject: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:@|/-]{1,128}$")]
    """Opaque id of the key or of the person."""

    scopes: tuple[Scope, ...]

    mode: Mode = "live"


Refusal = Literal["unauthorized", "key_expired", "tenant_missing"]
"""Code of the reason why a credential is no caller."""


class AuthorizerEvent(BaseModel):
    """What API Gateway sends to the authorizer (payload 2.0); a document of AWS."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    headers: dict[str, str]
    """Names in lower case."""


class AuthorizerContext(Document):
    """What http_api gets under ``requestContext.authorizer.lambda``; texts only."""

    tenant: str = ""

    subject: str = ""

    scopes: str = ""
    """Separated by commas."""

    mode: str = ""

    refusal: Refusal | Literal[""] = ""
    """Why there is no caller; http_api answers with this code and status 401."""


class AuthorizerAnswer(BaseModel):
    """What API Gateway expects of the authorizer (simple response)."""

    model_config = ConfigDict(frozen=True)

    isAuthorized: Literal[True] = True  # noqa: N815 - API Gateway's name
    """A refused caller goes through too, without a tenant: http_api words every refusal alike."""

    context: AuthorizerContext


Claims = dict[str, Any]
"""The claims of a verified JWT."""
