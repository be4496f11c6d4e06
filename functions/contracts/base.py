"""BaseCard (``base.json``): a base model is a folder with a hash, never a name on a hub."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, OpaqueId, RelativePath, Sha256
from contracts.shared.limits import MAX_LEARNING_RATE, MAX_RANK, MAX_SIDE, MIN_SIDE, SIDE_STEP

Family = Literal["sd1", "sd2", "sdxl"]
PredictionType = Literal["epsilon", "v_prediction"]


class TrainingDefaults(Document):
    """What a request means when it says nothing."""

    learning_rate: Annotated[float, Field(gt=0, le=MAX_LEARNING_RATE)]

    train_batch_size: Annotated[int, Field(ge=1, le=64)]

    rank: Annotated[int, Field(ge=1, le=MAX_RANK)]

    steps_per_photo: Annotated[int, Field(ge=1, le=1000)]
    """Optimiser steps for each photo, within the two bounds below."""

    min_train_steps: Annotated[int, Field(ge=1)]

    max_train_steps: Annotated[int, Field(ge=1)]

    target_modules: tuple[str, ...] = ("to_k", "to_q", "to_v", "to_out.0")
    """Of the UNet."""

    train_text_encoder: bool = False
    """Whether a trigger word needs the text encoders' help to mean somebody."""

    text_encoder_lr: Annotated[float, Field(gt=0, le=MAX_LEARNING_RATE)] | None = None
    """Absent: ``learning_rate``."""

    prior_loss_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    """How much the class counts beside the subject, where class images are trained on."""


class InferenceDefaults(Document):
    """What a picture request means when it says nothing."""

    num_inference_steps: Annotated[int, Field(ge=1, le=150)]

    guidance_scale: Annotated[float, Field(ge=0, le=30)]

    scheduler: str
    """A diffusers scheduler's class name."""


class GateFloors(Document):
    """What an adapter must reach before it is published; measured once for each base."""

    min_effect: Annotated[float, Field(ge=0, le=1)]
    """Mean absolute change of the pictures, as a share of the full range."""

    min_identity: Annotated[float, Field(ge=-1, le=1)] | None = None
    """Cosine between generated and real photos; absent: the base ships no judge."""

    min_prompt_following: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the prompts' attributes that the pictures show."""

    max_class_drift: Annotated[float, Field(ge=0, le=2)] | None = None
    """Share of the class that may be lost: to the subject's looks, or of its prompt-following."""


class BaseCard(Document):
    """``base.json`` beside a diffusers pipeline folder."""

    schema_version: Literal[1] = 1

    base_id: OpaqueId

    family: Family

    revision: str

    sha256: Sha256
    """Of ``files``: sha256 over its lines "<sha256>  <path>\\n" in path order."""

    files: dict[RelativePath, Sha256]
    """Every file of the pipeline that a picture depends on."""

    prediction_type: PredictionType

    resolution: Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP)]
    """Pixels of a side that the base was trained at."""

    training: TrainingDefaults

    inference: InferenceDefaults

    gate: GateFloors

    face_detector: Literal["retinaface", "haar", "drawn"] | None = None
    """What finds faces on photos of this base's kind; absent: only what the image is set up for."""

    license: str | None = None
    """Named in every adapter's model card; absent: the card says "the base model's own"."""

    judge: RelativePath | None = None
    """Folder of the judge of likeness; absent: identity is not scored."""
