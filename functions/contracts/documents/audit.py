"""The audit trail: who did what to which id, and when. It holds opaque ids only.

A tenant stands here as a hash, so that its rows outlive its erasure without naming it.
"""

import hashlib
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from contracts.document import Document

Actor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:@|/-]{1,128}$")]
"""Id of an API key or of a person, ``operator`` for who has the rights of AWS, or ``stack``."""

Action = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./:{} -]{1,100}$")]
"""An address of the API with its method, or a word of ours such as ``erasure.finished``."""

About = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,20}:[A-Za-z0-9_-]{1,64}$")]
"""A kind and an opaque id."""

EntryId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]

OPERATOR, STACK = "operator", "stack"

OWNER, PLACE = "owner", "place"
"""Keys of the audit table."""

_OPAQUE = re.compile(r"(pic_|wh_|msg_|td_|exp_|ap_)?[0-9a-f]{12,64}|[0-9]{1,3}")
"""Ids that our own code has made."""


MAX_IDS = 10
"""Largest number of ids in an entry."""


class AuditEntry(Document):
    """One row of the audit table. Rows are written once, and never changed."""

    schema_version: Literal[1] = 1

    entry_id: EntryId

    at: str
    """ISO 8601 in UTC."""

    who: Actor

    action: Action

    about: Annotated[tuple[About, ...], Field(max_length=MAX_IDS)] = ()
    """What it was done to. An id that a client has chosen is a hash, since it may be a name."""

    @property
    def place(self) -> str:
        """Sort key: the time first, so that rows are read in order."""
        return f"{self.at}#{self.entry_id}"


class AuditPage(Document):
    """Some entries, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[AuditEntry, ...]

    next: str | None = None
    """Send it as ``after`` for the next page; null: this is the last page."""


def owner_of(tenant: str) -> str:
    """Return the name under which a tenant's entries stand."""
    return hashlib.sha256(f"likeness audit 1\0{tenant}".encode()).hexdigest()[:32]


def row_of(tenant: str, entry: AuditEntry, kept_days: int) -> dict[str, Any]:
    """Return an entry as a row of the audit table."""
    end = datetime.fromisoformat(entry.at) + timedelta(days=kept_days)
    place = {OWNER: owner_of(tenant), PLACE: entry.place}
    return entry.model_dump(mode="json") | place | {"delete_at": int(end.timestamp())}


def about(kind: str, ident: str) -> str:
    """Return what an entry is about; an id that somebody else has chosen becomes its hash.

    >>> about("job_id", "0123456789abcdef0123456789abcdef")
    'job_id:0123456789abcdef0123456789abcdef'
    >>> about("upload_id", "birthday-of-anna")
    'upload_id:sha256-9b3dc7493405214a89b0703b'
    """
    if _OPAQUE.fullmatch(ident):
        return f"{kind}:{ident}"
    return f"{kind}:sha256-{hashlib.sha256(ident.encode()).hexdigest()[:24]}"
