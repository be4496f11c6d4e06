"""PhotoOptions: how photos and words are made ready before training; docs/training.md.

Every default leaves the photos and words as they were sent.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts.document import Document

CaptionPart = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

AUTOCAPTION_PARTS = ("prompt", "prefix", "suffix")
FaceCrop = Literal["none", "crop", "align"]
Background = Literal["keep", "blur", "random"]


class PhotoOptions(Document):
    """Part of a TrainingRequest: faces, backgrounds, masks, captions."""

    require_face: bool | None = None
    """Refuse photos that do not show one face clearly; absent: where the class prompt names a
    person and the base or the image brings a face detector."""

    face_crop: FaceCrop = "none"
    """Cut photos to the face and its surroundings; ``align`` also turns the eyes level."""

    background: Background = "keep"
    """Blur what is behind the subject, or replace it by colours drawn by the seed."""

    use_masks: bool | None = None
    """Learn only what a mask shows. Absent: masks that came with the photos; true: also masks that
    are made for the other photos; false: none."""

    mask_of: Literal["subject", "face"] = "subject"
    """What a mask that is made shows."""

    mask_floor: Annotated[float, Field(ge=0, le=1)] = 0.1
    """How much counts what a mask does not show."""

    autocaption: bool = False
    """Have a captioner describe the photos that came without words."""

    autocaption_prompt: CaptionPart | None = None
    """What the captioner is told: a question, for one that answers (InstructBLIP), or the first
    words, for one that goes on from there (BLIP)."""

    autocaption_prefix: CaptionPart | None = None
    """Before the captioner's words, e.g. ``a photo of TOK,``; absent: the instance prompt."""

    autocaption_suffix: CaptionPart | None = None
    """Behind the captioner's words."""

    caption_dropout_rate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the draws in which a photo is trained without any words."""

    @model_validator(mode="after")
    def _photo_options_agree(self) -> "PhotoOptions":
        for field, needed in self._useless():
            if getattr(self, field) != type(self).model_fields[field].default:
                message = f"{field} has no effect without {needed}"
                raise ValueError(message)
        if self.require_face is False and (self.face_crop != "none" or self.mask_of == "face"):
            message = "face_crop and mask_of face need a face, and require_face is false"
            raise ValueError(message)
        return self

    def _useless(self) -> list[tuple[str, str]]:
        """Return the fields that the others make useless, and what they would need."""
        useless = []
        if self.use_masks is not True:
            useless.append(("mask_of", "use_masks"))
        if self.use_masks is False:
            useless.append(("mask_floor", "use_masks"))
        if not self.autocaption:
            useless += [(f"autocaption_{end}", "autocaption") for end in AUTOCAPTION_PARTS]
        return useless
