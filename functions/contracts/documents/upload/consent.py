"""Consent: who allowed the use of these photos, for what and for how long. Opaque ids only."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from contracts.document import Document, OpaqueId

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Consent(Document):
    """Kept with the accepted request, where the stack's operator asks for it: docs/intake.md."""

    given_by: OpaqueId
    """Who is on the photos, or may speak for them; an id of yours, never a name."""

    given_at: AwareDatetime
    """With its time zone, e.g. ``2026-11-21T09:00:00Z``."""

    text_version: Word
    """Which text they agreed to."""

    purpose: Word
    """What for, in one word of yours, e.g. ``avatar``."""

    retention_days: Annotated[int, Field(ge=1, le=3650)]
    """How long the photos may be kept; not less than the stack keeps them."""
