"""BaseCard (``base.json``): a base model is a folder with a hash, not a name on a hub."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, OpaqueId, RelativePath, Sha256
from contracts.shared.limits import MAX_LEARNING_RATE, MAX_RANK, MAX_SIDE, MIN_SIDE, SIDE_STEP

Architecture = Literal["sd1", "sd2", "sdxl", "zimage"]
"""Family of a base; contracts/shared/weights/families.py has the rules of each."""

PredictionType = Literal["epsilon", "v_prediction", "flow_prediction"]
"""What the network predicts, in the words of diffusers' schedulers: the noise, the velocity v of a
noise schedule, or flow matching's direction from the picture to the noise."""


class TrainingDefaults(Document):
    """The values of fields that a training request leaves out."""

    learning_rate: Annotated[float, Field(gt=0, le=MAX_LEARNING_RATE)]

    train_batch_size: Annotated[int, Field(ge=1, le=64)]

    rank: Annotated[int, Field(ge=1, le=MAX_RANK)]

    steps_per_photo: Annotated[int, Field(ge=1, le=1000)]
    """Optimiser steps per photo; the two limits below bound the product."""

    min_train_steps: Annotated[int, Field(ge=1)]

    max_train_steps: Annotated[int, Field(ge=1)]

    target_modules: tuple[str, ...] = ("to_k", "to_q", "to_v", "to_out.0")
    """Layers of the denoising network that get an adapter."""

    train_text_encoder: bool = False
    """Whether the text encoders get an adapter too."""

    text_encoder_lr: Annotated[float, Field(gt=0, le=MAX_LEARNING_RATE)] | None = None
    """Peak learning rate of the text encoders' adapters; absent: ``learning_rate``."""

    prior_loss_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Weight of the loss on class images; the loss on photos has the weight 1."""


class InferenceDefaults(Document):
    """The values of arguments that a picture request leaves out."""

    num_inference_steps: Annotated[int, Field(ge=1, le=150)]

    guidance_scale: Annotated[float, Field(ge=0, le=30)]

    scheduler: str
    """Class name of a diffusers scheduler."""

    torch_dtype: Literal["float16", "bfloat16", "float32"] | None = None
    """Floating-point type for pictures; absent: float16 on a GPU, and wider if that overflows."""


class GateFloors(Document):
    """The gate's thresholds; measured once for each base."""

    min_effect: Annotated[float, Field(ge=0, le=1)]
    """Smallest mean absolute change of the pictures, as a share of the full range."""

    min_identity: Annotated[float, Field(ge=-1, le=1)] | None = None
    """Smallest cosine similarity of generated and real photos; absent: the base has no judge."""

    min_prompt_following: Annotated[float, Field(ge=0, le=1)] | None = None
    """Smallest share of the prompts' attributes that the pictures show."""

    max_class_drift: Annotated[float, Field(ge=0, le=2)] | None = None
    """Largest share of the class that may be lost: to the subject, or in prompt following."""

    max_photo_similarity: Annotated[float, Field(ge=0, le=1)] | None = None
    """Largest similarity of a picture with a photo that was learnt; above it, the picture is a
    copy. Absent: 0.85 with a judge of real faces, otherwise no limit."""


class RefinerFiles(Document):
    """SDXL's refiner in the base's folder ``refiner``: a UNet that draws the last steps.

    Its prompts are read by the base's second text encoder, and its pictures are decoded by the
    base's autoencoder, so neither is there again.
    """

    sha256: Sha256
    """Hash of ``files``, as BaseCard.sha256 is made."""

    files: dict[RelativePath, Sha256]
    """Path, relative to the base's folder, and SHA-256 of every file of it."""


class AdapterWidths(Document):
    """How many values an adapter of rank 1 has: the inputs and the outputs of its layers."""

    network: dict[str, Annotated[int, Field(ge=0)]]
    """Of the denoising network's layers with each name that ``target_modules`` may have."""

    text: Annotated[int, Field(ge=0)] = 0
    """Of all text encoders together."""


class BaseCard(Document):
    """``base.json`` beside a diffusers pipeline folder."""

    schema_version: Literal[1] = 1

    base_id: OpaqueId

    family: Architecture

    revision: str

    sha256: Sha256
    """Hash of ``files``: SHA-256 over the lines "<sha256>  <path>\\n" in path order."""

    files: dict[RelativePath, Sha256]
    """Path and SHA-256 of every file that a picture depends on."""

    prediction_type: PredictionType

    resolution: Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP)]
    """Side in pixels of the pictures that the base was trained on."""

    training: TrainingDefaults

    inference: InferenceDefaults

    gate: GateFloors

    face_detector: Literal["dlib", "retinaface", "haar", "drawn", "none"] | None = None
    """Face detector for photos of this kind; absent: the one that the training image names. A base
    of drawn people names ``drawn``, or ``none``: then no real faces are looked for."""

    license: str | None = None
    """Licence for the adapters' model cards; absent: the card says "the base model's own"."""

    judge: RelativePath | None = None
    """Folder of the model that judges likeness; absent: identity is not scored."""

    clip: RelativePath | None = None
    """Folder of a CLIP model that scores prompt following where the judge reads no prompts; absent:
    it is then not scored."""

    refiner: RefinerFiles | None = None
    """SDXL's refiner; absent: there is none. It is no part of ``sha256``: adapters are made for the
    base alone, and stay valid when a refiner is added."""

    adapter_widths: AdapterWidths | None = None
    """How large adapters are, so that one that is too large is refused with its request; absent:
    the trainer refuses it."""


def files_of(card: BaseCard) -> dict[str, str]:
    """Return path and SHA-256 of every file that the server reads, those of the refiner too."""
    return card.files if card.refiner is None else {**card.files, **card.refiner.files}


def contradiction_in(card: BaseCard) -> str | None:
    """Return which hash of a card is not that of its own list of files; None: each one is."""
    if hash_of_files(card.files) != card.sha256:
        return "its sha256 is not the hash of its file list"
    if card.refiner is not None and hash_of_files(card.refiner.files) != card.refiner.sha256:
        return "the refiner's sha256 is not the hash of its file list"
    return None


def hash_of_files(files: Mapping[str, str]) -> str:
    """Return the hash of a base, computed from its files' hashes as BaseCard.sha256 says."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(files.items()))
    return sha256(lines.encode()).hexdigest()
