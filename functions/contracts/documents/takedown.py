"""Takedown: a report of a picture by anybody, the case that it becomes, and an operator's decision.

A case has opaque ids only. What the reporter has written is in the uploads bucket beside the
picture, and expires there.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts.document import Document, JobId
from contracts.documents.audit import OPERATOR, Actor

DAYS_TO_DECIDE = 2
"""Days within which a report must be decided: 48 hours, as the TAKE IT DOWN Act asks."""

MAX_PICTURE_BYTES = 4_000_000
"""Lambda takes requests of 6 MB, and base64 makes a third more."""

CaseId = Annotated[str, StringConstraints(pattern=r"^td_[0-9a-f]{32}$")]
"""128 random bits: whoever has it may ask how the case stands."""

Reason = Literal["intimate", "minor", "no_consent", "other"]
"""What the reporter says; ``minor``: the picture shows a child."""

Why = Literal["no_mark", "not_this_person", "consent_shown", "duplicate", "no_ground"]
"""Why an operator refuses: there is no mark of ours; the model is of somebody else; the person has
agreed; the case is another one's; the report names no ground."""

CaseStatus = Literal["open", "accepted", "refused", "restored"]
"""``accepted``: the models are disabled; ``restored``: they were, and an appeal was granted."""

Credentials = Literal["ours", "others", "damaged", "absent", "not_read"]
"""What the content credentials of the reported file say; ``not_read``: this Lambda runtime has no
library for them, and only the watermark was looked for."""

MAX_MODELS = 20


class NewTakedown(Document):
    """Body of ``POST /v1/takedowns``."""

    picture: Annotated[str, Field(min_length=4, max_length=MAX_PICTURE_BYTES * 4 // 3 + 4)]
    """The picture's file in base64: JPEG, PNG, WebP, HEIC or AVIF, at most 4 MB. Send the file as
    it was found; a photo of a screen has lost its marks."""

    reason: Reason

    i_am: Literal["shown_person", "representative"]
    """The person on the picture, or somebody who may speak for them."""

    words: Annotated[str, Field(max_length=2000)] = ""
    """Anything that helps to decide."""

    contact: Annotated[str, Field(max_length=254)] = ""
    """Where an answer may be sent; the case can also be asked for by its id."""


class TakedownReport(Document):
    """``takedowns/<case>/report.json`` in the uploads bucket: what the reporter has written."""

    schema_version: Literal[1] = 1

    case_id: CaseId

    reason: Reason

    i_am: Literal["shown_person", "representative"]

    words: str

    contact: str


class TakedownCase(Document):
    """One row of the api table. Times are ISO 8601 in UTC."""

    schema_version: Literal[1] = 1

    case_id: CaseId

    reason: Reason

    received_at: str

    due_at: str
    """When it must be decided."""

    looked_at: str | None = None
    """When the picture's marks were read; null: they were not yet."""

    credentials: Credentials | None = None

    watermark: bool | None = None
    """Whether the picture has a watermark of this stack."""

    models: Annotated[tuple[JobId, ...], Field(max_length=MAX_MODELS)] = ()
    """Models that the marks may mean; of an accepted case, the disabled ones."""

    status: CaseStatus = "open"

    decided_at: str | None = None

    why: Why | None = None

    appealed_at: str | None = None
    """When the owner of a disabled model has asked an operator to look again."""

    appeal_announced_at: str | None = None
    """When the operators were told of that; null: they were not yet."""


class TakedownView(Document):
    """What a reporter may see of a case."""

    object: Literal["takedown"] = "takedown"

    id: CaseId

    status: CaseStatus

    received_at: str

    due_at: str

    decided_at: str | None

    @classmethod
    def of(cls, case: TakedownCase) -> "TakedownView":
        """Return how a case stands, without models."""
        return cls(
            id=case.case_id,
            status=case.status,
            received_at=case.received_at,
            due_at=case.due_at,
            decided_at=case.decided_at,
        )


class TakedownPage(Document):
    """Some cases, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[TakedownCase, ...]

    next: str | None = None
    """Send it as ``after`` for the next page; null: this is the last page."""


class TakedownEvidence(Document):
    """What an operator needs to decide."""

    object: Literal["evidence"] = "evidence"

    case: TakedownCase

    report: TakedownReport | None
    """Null: it has expired."""

    picture_url: str
    """Good for 15 minutes; the picture as it was decoded, without what its file had in it."""


class TakedownAcceptance(Document):
    """Body of ``POST /v1/takedowns/{id}:accept``."""

    models: Annotated[tuple[JobId, ...], Field(max_length=MAX_MODELS)] = ()
    """The models to disable; empty: those that the marks have named."""


class TakedownRefusal(Document):
    """Body of ``POST /v1/takedowns/{id}:refuse``."""

    why: Why


class TakedownOrder(Document):
    """Input of decide_takedown."""

    action: Literal["list", "accept", "refuse", "restore"]

    case_id: CaseId | None = None
    """Absent: all cases, with ``list``."""

    models: Annotated[tuple[JobId, ...], Field(max_length=MAX_MODELS)] = ()

    why: Why | None = None

    by: Actor = OPERATOR
    """Who has decided."""

    @model_validator(mode="after")
    def _refuses_with_a_reason(self) -> "TakedownOrder":
        if self.action == "refuse" and self.why is None:
            message = "a refusal says why"
            raise ValueError(message)
        return self


class TakedownAnswer(Document):
    """Answer of decide_takedown."""

    outcome: Literal[
        "listed",
        "disabled",
        "refused",
        "restored",
        "unknown",
        "no_model",
        "unknown_model",
        "decided",
    ]
    """``no_model``: the marks have named none, so the operator must; ``unknown_model``: the
    operator has named one that is not there; ``decided``: the case does not wait for this."""

    cases: tuple[TakedownCase, ...] = ()
