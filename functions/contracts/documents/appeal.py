"""Appeal: a tenant asks an operator to let through what the content rules have refused.

That is a text, or a request whose picture the safety checks have withheld. A row has ids and hashes
only. What was asked for is in the uploads bucket below the tenant's prefix, for the operator to
read, and expires there. A withheld picture is kept nowhere.
"""

from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints, model_validator

from contracts.document import Document, OpaqueId, Sha256
from contracts.documents.audit import OPERATOR, Actor
from contracts.documents.picture import PictureArguments

MAX_TEXTS = 20
"""Texts of one refusal: a prompt with its negative prompt, or those of a request's fields."""

AppealId = Annotated[str, StringConstraints(pattern=r"^ap_[0-9a-f]{32}$")]

RefusalId = OpaqueId
"""Id of the order, or of the upload, that was refused."""

RefusalCode = Literal["prompt_refused", "name_refused", "unsafe_picture"]
"""The rules against which there is an appeal: those that look at a text, and the safety checks of
drawn pictures."""

REFUSAL_CODES: tuple[str, ...] = get_args(RefusalCode)

AppealStatus = Literal["open", "granted", "refused"]

AppealReason = Literal["rule_is_right", "not_shown", "duplicate", "other"]
"""Why an operator refuses: the rule means this text; nothing shows that it does not; another appeal
asks the same; something else."""


class NewAppeal(Document):
    """Body of ``POST /v1/refusals/{id}:appeal``."""

    words: Annotated[str, Field(max_length=1000)] = ""
    """Anything that helps to decide. Operators read it beside the refused text."""


class WithheldPicture(Document):
    """What a withheld picture was drawn from, beside its prompts: the same draws it again."""

    weights_sha256: Sha256
    """Hash of the model's weights."""

    arguments: PictureArguments
    """With a seed, without the mask."""

    image_sha256: Sha256 | None = None
    """Hash of the file that it starts from; null: it starts from noise alone."""

    mask_sha256: Sha256 | None = None

    @classmethod
    def of(
        cls,
        weights_sha256: str,
        arguments: PictureArguments,
        image_sha256: str | None = None,
        mask_sha256: str | None = None,
    ) -> "WithheldPicture":
        """Return what a request draws from; its mask counts as a hash alone."""
        return cls(
            weights_sha256=weights_sha256,
            arguments=arguments.model_copy(update={"mask_image": None}),
            image_sha256=image_sha256,
            mask_sha256=mask_sha256,
        )

    @property
    def text(self) -> str:
        """What is hashed; a field that a later release adds leaves it as it was."""
        return self.model_dump_json(exclude_defaults=True)


class AppealText(Document):
    """``appeals/<id>.json`` below a tenant's prefix in the uploads bucket."""

    schema_version: Literal[1] = 1

    appeal_id: AppealId

    texts: Annotated[tuple[tuple[str, ...], ...], Field(min_length=1, max_length=MAX_TEXTS)]
    """What was refused: for a picture its prompt and negative prompt together, for a request each
    text of the fields that were refused."""

    picture: WithheldPicture | None = None
    """With ``unsafe_picture``: the rest of its request."""

    words: str


class AppealRow(Document):
    """One row of the api table. Times are ISO 8601 in UTC."""

    schema_version: Literal[1] = 1

    appeal_id: AppealId

    refusal_id: RefusalId

    tenant: OpaqueId

    code: RefusalCode

    hashes: Annotated[tuple[Sha256, ...], Field(min_length=1, max_length=MAX_TEXTS)]
    """Salted hashes of the refused texts, or of the withheld picture's request
    (contracts/shared/words/allowed_texts.py)."""

    asked_at: str

    status: AppealStatus = "open"

    decided_at: str | None = None

    why: AppealReason | None = None

    announced_at: str | None = None
    """When the operators were told; null: they were not yet."""


class AppealView(Document):
    """How an appeal stands."""

    object: Literal["appeal"] = "appeal"

    id: AppealId

    refusal_id: RefusalId

    code: RefusalCode

    status: AppealStatus
    """``granted``: this very text, or this very request, is let through for this tenant, within
    seconds."""

    asked_at: str

    decided_at: str | None

    why: AppealReason | None

    @classmethod
    def of(cls, row: AppealRow) -> "AppealView":
        """Return what a caller may see of an appeal."""
        names = set(cls.model_fields) - {"object", "id"}
        return cls(id=row.appeal_id, **row.model_dump(include=names))


class AppealPage(Document):
    """Some appeals of all tenants, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[AppealRow, ...]

    next: str | None = None
    """Send it as ``after`` for the next page; null: this is the last page."""


class AppealEvidence(Document):
    """What an operator needs to decide."""

    object: Literal["appeal_evidence"] = "appeal_evidence"

    appeal: AppealRow

    text: AppealText | None
    """Null: it has expired."""


class AppealRefusal(Document):
    """Body of ``POST /v1/appeals/{id}:refuse``."""

    why: AppealReason


class AppealOrder(Document):
    """Input of decide_appeal."""

    action: Literal["list", "read", "grant", "refuse"]

    appeal_id: AppealId | None = None
    """Absent: all appeals, with ``list``."""

    why: AppealReason | None = None

    by: Actor = OPERATOR
    """Who has decided."""

    @model_validator(mode="after")
    def _refuses_with_a_reason(self) -> "AppealOrder":
        if self.action == "refuse" and self.why is None:
            message = "a refusal says why"
            raise ValueError(message)
        return self


class AppealAnswer(Document):
    """Answer of decide_appeal."""

    outcome: Literal["listed", "granted", "refused", "unknown"]

    appeals: tuple[AppealRow, ...] = ()

    text: AppealText | None = None
    """With ``read``: what was refused; null: it has expired."""
