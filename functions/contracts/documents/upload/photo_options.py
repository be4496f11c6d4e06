"""PhotoOptions: how photos and captions are prepared before training; docs/training.md.

Every default leaves the photos and captions as they were sent.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts.document import Document

CaptionPart = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

CaptionerPrompt = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)
]

AUTOCAPTION_PARTS = ("prompt", "prefix", "suffix", "max_tokens", "min_tokens", "num_beams")
FaceCrop = Literal["none", "auto", "crop", "align"]
CROPS = frozenset[FaceCrop]({"crop", "align"})
"""Crops that each photo needs a face for."""

FaceChecks = Literal["photos", "off"]
Background = Literal["keep", "blur", "random"]


class PhotoOptions(Document):
    """Part of a TrainingRequest: faces, backgrounds, masks, captions."""

    require_face: bool | None = None
    """Refuse photos that do not show one face clearly. Absent: true if the class prompt names a
    person and the base or the training image has a face detector."""

    face_checks: FaceChecks | None = None
    """Whether InspectPhotos looks for faces on photos of real people, and compares the people.
    Absent: it does if a photo needs a face and the base is not of drawn people."""

    quality_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Refuse photos of a lower quality: 1 is a photo that is sharp, neither dark nor bright, and
    rich in contrast. Absent: the stack's threshold, below which no request goes."""

    min_face_clarity: Annotated[float, Field(ge=0, le=1)] | None = None
    """Refuse photos on which the face is less clear. Absent: the stack's threshold, below which no
    request goes."""

    face_crop: FaceCrop = "none"
    """Crop photos to the face and its surroundings; ``align`` also turns the eyes level. ``auto``
    crops where the training finds faces of real people, and keeps other photos as they are."""

    background: Background = "keep"
    """Blur the background, or replace it by random colours that depend on the seed."""

    use_masks: bool | None = None
    """Learn only what a mask shows. Absent: use the uploaded masks; true: also make masks for the
    other photos; false: use no masks."""

    mask_of: Literal["subject", "face"] = "subject"
    """What a generated mask shows."""

    mask_floor: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Weight of the pixels that a mask does not show."""

    autocaption: bool = False
    """Let a captioner describe the photos without a caption."""

    autocaption_prompt: CaptionerPrompt | None = None
    """Prompt for the captioner: a question (InstructBLIP) or the caption's first words (BLIP)."""

    autocaption_prefix: CaptionPart | None = None
    """Text before the generated caption, e.g. ``a photo of TOK,``; absent: the instance prompt."""

    autocaption_suffix: CaptionPart | None = None
    """Text after the generated caption."""

    autocaption_max_tokens: Annotated[int, Field(ge=1, le=512)] = 40
    """Largest length of a generated caption in the captioner's tokens; what the base's text encoder
    does not read is reported as ``caption_truncated``."""

    autocaption_min_tokens: Annotated[int, Field(ge=0, le=512)] = 0
    """Smallest length of a generated caption in the captioner's tokens."""

    autocaption_num_beams: Annotated[int, Field(ge=1, le=10)] = 3
    """Beams of the captioner's search; more are slower and describe better."""

    caption_dropout_rate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability that a photo is trained with an empty caption."""

    @property
    def changes_photos(self) -> bool:
        """Whether a photo shows something else after the photo pipeline than before it."""
        return self.background != "keep" or self.face_crop != "none"

    @model_validator(mode="after")
    def _photo_options_agree(self) -> "PhotoOptions":
        for field, needed in self._useless():
            if getattr(self, field) != type(self).model_fields[field].default:
                message = f"{field} has no effect without {needed}"
                raise ValueError(message)
        if self.autocaption_min_tokens > self.autocaption_max_tokens:
            message = "autocaption_min_tokens is above autocaption_max_tokens"
            raise ValueError(message)
        crops = self.face_crop in CROPS
        if self.require_face is False and (crops or self.mask_of == "face"):
            message = "face_crop and mask_of face need a face, and require_face is false"
            raise ValueError(message)
        if self.require_face is False and self.min_face_clarity is not None:
            message = "min_face_clarity needs a face, and require_face is false"
            raise ValueError(message)
        if self.require_face is False and self.face_checks == "photos":
            message = "face_checks photos looks for faces, and require_face is false"
            raise ValueError(message)
        return self

    def _useless(self) -> list[tuple[str, str]]:
        """Return the fields that have no effect, and the field that each would need."""
        useless = []
        if self.use_masks is not True:
            useless.append(("mask_of", "use_masks"))
        if self.use_masks is False:
            useless.append(("mask_floor", "use_masks"))
        if not self.autocaption:
            useless += [(f"autocaption_{end}", "autocaption") for end in AUTOCAPTION_PARTS]
        return useless
