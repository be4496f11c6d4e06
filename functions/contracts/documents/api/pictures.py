"""Pictures that are ordered through the HTTP API: the order, how it stands, and the answer."""

from typing import Annotated, Literal, get_args

from pydantic import Field, Strict, StringConstraints

from contracts.document import Document, JobId, OpaqueId, RelativePath, S3Uri, Sha256
from contracts.documents.api.aliases import AliasName, ModelOrAlias
from contracts.documents.api.jobs import JobFailure
from contracts.documents.api.numbers import NUMBER
from contracts.documents.appeal import REFUSAL_CODES, AppealStatus
from contracts.documents.picture import (
    MAX_MASK_CHARACTERS,
    PictureArguments,
    PictureCode,
    Scheduler,
    Side,
    Upscaler,
)
from contracts.shared.pictures.picture_places import is_s3
from contracts.shared.words.picture_texts import MAX_PROMPT_CHARACTERS
from contracts.shared.words.styles import Style

PictureId = Annotated[str, StringConstraints(pattern=r"^pic_[0-9a-f]{24}$")]

PictureStatus = Literal["queued", "drawing", "succeeded", "failed", "canceled"]

OrderCode = Literal[
    "endpoint_missing",
    "endpoint_starting",
    "model_not_ready",
    "warm_up_failed",
    "picture_not_in_time",
    "picture_too_slow",
    "erased",
    "internal_error",
]

PictureFailure = OrderCode | PictureCode
"""Why a picture was not drawn, or is not drawn yet."""

PICTURE_CODES: tuple[str, ...] = get_args(PictureCode)

ANY_SEED = -1
"""What A1111 and its clients write where any seed will do."""

MAX_SEED = 2**31
"""Seeds that we draw are below it, so that those of further pictures fit too."""

Prompt = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROMPT_CHARACTERS)]
NegativePrompt = Annotated[str, StringConstraints(max_length=MAX_PROMPT_CHARACTERS)]


MAX_API_IMAGE_CHARACTERS = (2 << 20) * 4 // 3 + 4
"""Largest start image in base64: with its mask it fits into a stored document of 4 MB, and into the
6 MB of a function's request."""

BESIDE = {"prompt", "negative_prompt", "seed", "image", "user"}
"""Fields that are no PictureArguments, or are set otherwise."""


class NewPicture(Document):
    """Body of ``POST /v1/models/{id}/pictures``; the fields are those of PictureArguments."""

    prompt: Prompt
    """What to draw. Name the subject by the model's trigger word, or write ``<<TOK>>``."""

    negative_prompt: NegativePrompt | None = None

    num_inference_steps: Annotated[int, Field(ge=1, le=150), NUMBER] | None = None

    guidance_scale: Annotated[float, Field(ge=0, le=30), NUMBER] | None = None

    seed: Annotated[int, Field(ge=ANY_SEED, lt=2**32), NUMBER] | None = None
    """Absent, or -1 as other tools write it: one is drawn, and the answer names it."""

    width: Annotated[Side, NUMBER] | None = None

    height: Annotated[Side, NUMBER] | None = None

    num_images_per_prompt: Annotated[int, Field(ge=1, le=4), NUMBER] = 1

    scheduler: Scheduler | None = None

    lora_scale: Annotated[float, Field(ge=0, le=2), NUMBER] = 1.0

    style: Style | None = None

    image: Annotated[str, StringConstraints(max_length=MAX_API_IMAGE_CHARACTERS)] | None = None
    """A PNG or JPEG to start from: its base64, at most 2 MB, or the ``uri`` of a picture of the
    tenant's own, at most 6 MB."""

    strength: Annotated[float, Field(gt=0, le=1), NUMBER] | None = None
    """With an image: the share of it that may change; absent: 0.8. With ``hr_scale``: the same of
    the first pass's picture; absent: 0.7."""

    hr_scale: Annotated[float, Field(gt=1, le=4), NUMBER] | None = None
    """Factor by which the picture of ``width`` x ``height`` is enlarged, to be drawn again."""

    hr_upscaler: Upscaler | None = None
    """How it is made larger; absent: ``Latent``."""

    hr_second_pass_steps: Annotated[int, Field(ge=0, le=150), NUMBER] | None = None
    """Steps of the second pass; absent or 0: as many as the first."""

    refiner_switch_at: Annotated[float, Field(gt=0, lt=1), NUMBER] | None = None
    """Share of the noise that the base draws; SDXL's refiner draws the rest, without adapters."""

    mask_image: Annotated[str, StringConstraints(max_length=MAX_MASK_CHARACTERS)] | None = None
    """Base64 of a PNG or JPEG of the image's size, or its ``uri``: the image changes only where it
    is white."""

    prompt_weights: Annotated[bool, Strict()] = True
    """Whether ``(word:1.2)``, ``(word)`` and ``[word]`` in the prompts weigh words."""

    clip_skip: Annotated[int, Field(ge=1, le=11), NUMBER] | None = None
    """Number of the text encoders' last layers that are left out."""

    user: Annotated[str, StringConstraints(max_length=64)] | None = None
    """An opaque id of your own user, for a model that is an alias: the same user gets the same
    version. It is not stored. Absent: whoever calls."""

    def arguments(self, seed: int) -> PictureArguments:
        """Return what the endpoint gets beside the prompts; ``seed`` counts where none is asked."""
        given = self.model_dump(exclude=BESIDE, exclude_unset=True)
        free = self.seed is None or self.seed == ANY_SEED
        return PictureArguments(**given, seed=seed if free else self.seed)


class PictureOrder(Document):
    """``order.json``: what was ordered. It alone has the prompts, and expires as photos do."""

    schema_version: Literal[1] = 1

    picture_id: PictureId

    tenant: OpaqueId

    model_id: JobId

    prompt: str

    negative_prompt: str | None

    image: str | None = None
    """The picture to start from: base64, or an address in S3."""

    arguments: PictureArguments
    """With a seed: drawing again draws the same pictures."""

    created_at: str

    def wanted(self) -> NewPicture:
        """Return the order as its caller sent it, with the seed and without files in base64."""
        shared = set(NewPicture.model_fields) & set(PictureArguments.model_fields)
        given = self.arguments.model_dump(include=shared, exclude={"negative_prompt"})
        files = {"image": self.image, "mask_image": self.arguments.mask_image}
        given |= {name: one if one and is_s3(one) else None for name, one in files.items()}
        return NewPicture(prompt=self.prompt, negative_prompt=self.negative_prompt, **given)


class DrawnFile(Document):
    """One picture that was stored."""

    file: RelativePath

    seed: int

    sha256: Sha256


class PictureRow(Document):
    """How an order stands, in the ``api`` table: no text of a user. Times are ISO 8601 in UTC."""

    schema_version: Literal[1] = 1

    picture_id: PictureId

    tenant: OpaqueId

    model_id: JobId

    alias: AliasName | None = None
    """The alias that was asked, and whose version the model is."""

    status: PictureStatus = "queued"

    seed: int

    count: Annotated[int, Field(ge=1, le=4)]
    """Pictures that were ordered."""

    attempts: Annotated[int, Field(ge=0)] = 0
    """How often the endpoint was asked."""

    slow: Annotated[int, Field(ge=0)] = 0
    """How many of these attempts ended without an answer within the endpoint's 60 seconds."""

    waiting_for: PictureFailure | None = None
    """Why the last attempt is repeated."""

    code: PictureFailure | None = None
    """Why it has failed."""

    argument: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] | None = None
    """The field of the order that the endpoint has refused, by its name."""

    files: tuple[DrawnFile, ...] = ()

    width: int | None = None

    height: int | None = None

    stars: Annotated[int, Field(ge=1, le=5)] | None = None
    """How the caller has rated the likeness."""

    created_at: str

    updated_at: str

    delete_at: Annotated[int, Field(ge=0)]
    """Second of the epoch at which the row may go; the pictures expire at about that time."""

    @property
    def refusal_id(self) -> str | None:
        """The id of a refusal against which there is an appeal; None: there is none."""
        return self.picture_id if self.code in REFUSAL_CODES else None


class PictureTask(Document):
    """A message of the queue: draw this."""

    schema_version: Literal[1] = 1

    picture_id: PictureId


# --- what callers of the API get ----------------------------------------------------------------


class ImageLink(Document):
    """One picture."""

    url: str
    """Address to download the PNG from, until the answer's ``expires_at``."""

    uri: S3Uri
    """Address in S3: another order may have it as its ``image``."""

    seed: int

    sha256: Sha256


class PictureView(Document):
    """An order and, once it has succeeded, its pictures."""

    object: Literal["picture"] = "picture"

    id: PictureId

    model_id: JobId

    alias: AliasName | None
    """The alias that was asked; null: the model itself was."""

    status: PictureStatus

    seed: int
    """Seed of the first picture; each further picture has the next number."""

    attempts: int

    waiting_for: str | None
    """A code of docs/codes.md: why it is not drawn yet, for example ``endpoint_starting``."""

    failure: JobFailure | None

    refusal_id: OpaqueId | None
    """With ``prompt_refused`` or ``unsafe_picture``: the id for
    ``POST /v1/refusals/{id}:appeal``."""

    appeal: AppealStatus | None = None
    """How the appeal against the refusal stands; null in lists, and where nobody has appealed."""

    width: int | None

    height: int | None

    stars: int | None
    """Your rating of the likeness, 1 to 5."""

    images: tuple[ImageLink, ...]

    order: NewPicture | None
    """What was ordered, with its prompts and without the files that were sent in base64; null in
    lists, and once the order has expired."""

    expires_at: str | None
    """When the links end; ask again for new ones."""

    created_at: str

    updated_at: str

    @classmethod
    def of(
        cls,
        row: PictureRow,
        images: tuple[ImageLink, ...] = (),
        expires_at: str | None = None,
        order: NewPicture | None = None,
        appeal: AppealStatus | None = None,
    ) -> "PictureView":
        """Return what a caller may see of an order."""
        return cls(
            id=row.picture_id,
            failure=JobFailure.of(row.code, row.argument),
            refusal_id=row.refusal_id,
            appeal=appeal,
            images=images,
            expires_at=expires_at,
            order=order,
            **row.model_dump(include=_SHOWN),
        )


_SHOWN = {
    "model_id", "status", "seed", "attempts", "waiting_for", "width", "height", "created_at",
    "updated_at", "alias", "stars",
}  # fmt: skip


class PicturePage(Document):
    """Some of the tenant's orders, the newest first, without links."""

    object: Literal["list"] = "list"

    data: tuple[PictureView, ...]

    next: str | None = None
    """Send it as ``after`` for the next page; null: this is the last page."""


class PictureCanceled(Document):
    """Answer of ``POST /v1/pictures/{id}:cancel``."""

    object: Literal["cancellation"] = "cancellation"

    id: PictureId

    outcome: Literal["canceled", "too_late"]
    """``too_late``: it has ended already."""


# --- OpenAI's images endpoint -------------------------------------------------------------------

OpenAiSize = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$")]


class OpenAiImages(Document):
    """Body of ``POST /v1/images/generations``, as OpenAI's clients send it.

    Of its options that are not here, only the values that change nothing are taken.
    """

    model: ModelOrAlias
    """A model's id, or an alias."""

    prompt: Prompt

    n: Annotated[int, Field(ge=1, le=4), NUMBER] | None = 1

    size: OpenAiSize | Literal["auto"] | None = None
    """``<width>x<height>`` in pixels; absent or ``auto``: the base's own size."""

    response_format: Literal["url", "b64_json"] | None = "url"

    background: Literal["auto", "opaque"] | None = None

    moderation: Literal["auto"] | None = None

    output_format: Literal["png"] | None = None

    quality: Literal["auto", "standard"] | None = None

    stream: Literal[False] | None = None

    user: Annotated[str, StringConstraints(max_length=64)] | None = None
    """OpenAI's name of an end user, for an alias; it is not stored."""


class OpenAiImage(Document):
    """One picture; only the field of the asked ``response_format`` is there."""

    url: str | None = None

    b64_json: str | None = None


class OpenAiAnswer(Document):
    """Answer of ``POST /v1/images/generations``."""

    created: int
    """Second of the epoch."""

    data: tuple[OpenAiImage, ...]
