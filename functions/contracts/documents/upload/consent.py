"""Consent: who allowed the use of the photos, for what and for how long. Opaque ids only."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from contracts.document import Document, OpaqueId

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
"""Two letters of ISO 639-1, e.g. ``en``."""


class Consent(Document):
    """Stored with the accepted request; required for photos of people (docs/consent.md).

    A consent of an earlier version of Likeness lacks the optional fields. It stays readable, and a
    new request with it is refused.
    """

    given_by: OpaqueId
    """Opaque id of the person on the photos, or of their representative; never a name."""

    given_for: Literal["self", "other"] | None = None
    """Whom the photos show: ``self`` is the person who uploads them; ``other`` is somebody else,
    whose permission has an id in ``permission``."""

    permission: OpaqueId | None = None
    """Opaque id under which the uploader keeps the other person's permission as proof."""

    given_at: AwareDatetime
    """Time of the consent with its time zone, e.g. ``2026-11-21T09:00:00Z``."""

    adult: bool | None = None
    """Whether everybody on the photos is 18 or older."""

    text_version: Word
    """Version of the text that they agreed to."""

    language: Language | None = None
    """Language in which they read the text."""

    purpose: Word | None = None
    """One purpose, as earlier versions of Likeness have it; ``purposes`` is its successor."""

    purposes: Annotated[tuple[Word, ...], Field(max_length=8)] = ()
    """Purposes, one word of your choice each, e.g. ``avatar``."""

    retention_days: Annotated[int, Field(ge=1, le=3650)]
    """Days for which the photos may be kept; not fewer than the stack keeps them."""

    expires_at: AwareDatetime | None = None
    """Time from which on the consent no longer holds."""

    @model_validator(mode="after")
    def _consistent(self) -> "Consent":
        if self.permission is not None and self.given_for != "other":
            message = "permission is the proof of another person's consent: given_for must be other"
            raise ValueError(message)
        if self.expires_at is not None and self.expires_at <= self.given_at:
            message = "expires_at must be later than given_at"
            raise ValueError(message)
        return self
