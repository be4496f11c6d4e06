"""ConsentRecord: that somebody agreed, kept as evidence after the photos and the model are gone."""

from datetime import UTC, datetime
from typing import Literal

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.upload.consent import Consent

LATEST_END = datetime(9000, 1, 1, tzinfo=UTC)
"""A consent that says it ends later, as 9999-12-31, ends then: years can still be added to it."""


class ConsentRecord(Document):
    """A row of the ``api`` table: opaque ids and times, no photo, name, prompt or file name."""

    schema_version: Literal[1] = 1

    model_id: JobId
    """The job that the consent was given for; the id of the record."""

    tenant: OpaqueId

    upload: OpaqueId

    consent: Consent

    others: tuple[Consent, ...] = ()
    """Consents of the other people, where the model knows several. Any of them ends all: the model
    is erased as a whole."""

    recorded_at: str
    """When the request with the consent was accepted."""

    withdrawn_at: str | None = None
    """When the person took the consent back; null: they have not."""

    @property
    def ends(self) -> datetime | None:
        """When the first of the consents ends by itself, in UTC; None: it has no end."""
        given = (one.expires_at for one in (self.consent, *self.others))
        first = min((end for end in given if end is not None), default=None)
        return None if first is None else min(first, LATEST_END).astimezone(UTC)
