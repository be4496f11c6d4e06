"""Verification: what the marks of a picture say, for anybody who has the picture."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document
from contracts.documents.takedown import MAX_PICTURE_BYTES, Credentials

WatermarkStated = Literal["present", "off", "too-small"]
"""What content credentials say of the watermark; ``too-small``: the picture was drawn with a side
below 256 pixels."""


class PictureToVerify(Document):
    """Body of ``POST /v1/verifications``."""

    picture: Annotated[str, Field(min_length=4, max_length=MAX_PICTURE_BYTES * 4 // 3 + 4)]
    """The picture's file in base64: JPEG, PNG, WebP, HEIC or AVIF, at most 4 MB. Send the file as
    it was found; a photo of a screen has lost its marks. It is read, and not kept."""


class PictureVerdict(Document):
    """What the marks of a picture say of this stack. No mark proves nothing."""

    object: Literal["picture_verdict"] = "picture_verdict"

    made_here: bool
    """Whether the content credentials or the watermark are this stack's. False: the picture comes
    from elsewhere, or its marks were removed."""

    credentials: Credentials
    """``ours``: this stack has signed the file, which is unchanged since; ``others``: somebody else
    has; ``damaged``: the picture or its manifest was changed after signing; ``absent``: there are
    none; ``not_read``: the stack's functions run on Python 3.11, which has no library for them."""

    made_at: str | None
    """When this stack has signed the file, ISO 8601 in UTC. Null without content credentials of
    ours, because a watermark holds no time, and for files of earlier releases."""

    model: str | None
    """The model that our content credentials name: an opaque id, which anybody can read there."""

    watermark: bool
    """Whether the pixels have a watermark of this stack."""

    watermark_stated: WatermarkStated | None
    """What our content credentials say of the watermark; null without them."""


class PictureVerified(Document):
    """Answer of the function verify_picture."""

    verdict: PictureVerdict | None
    """Null: the file is no picture that can be decoded."""
