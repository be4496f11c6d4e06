"""Consent: who allowed the use of the photos, for what and for how long. Opaque ids only."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from contracts.document import Document, OpaqueId

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Consent(Document):
    """Stored with the accepted request; required if the operator says so: docs/intake.md."""

    given_by: OpaqueId
    """Opaque id of the person on the photos, or of their representative; never a name."""

    given_at: AwareDatetime
    """Time of the consent with its time zone, e.g. ``2026-11-21T09:00:00Z``."""

    text_version: Word
    """Version of the text that they agreed to."""

    purpose: Word
    """Purpose in one word of your choice, e.g. ``avatar``."""

    retention_days: Annotated[int, Field(ge=1, le=3650)]
    """Days for which the photos may be kept; not fewer than the stack keeps them."""
