"""The wire of a user's model: what a picture request says, and what may go wrong with it.

KServe v2 as Triton speaks it, JSON or binary. Every input is a BYTES tensor of WIRE_SHAPE (seed
requests send ``[1, 1]``: one batch row, one value). The answer's tensors have one row too.
"""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, RelativePath, Sha256
from contracts.documents.package import GenerationInfo, TargetModel
from contracts.shared.styles import Style

WIRE_SHAPE = (1, 1)
"""Of every input tensor."""

PROMPT = "prompt"
NEGATIVE_PROMPT = "negative_prompt"
GEN_ARGS = "gen_args"
"""JSON of PictureArguments."""

IMAGE = "image"
"""Base64 of a PNG or JPEG file to start from. All but PROMPT may be left out."""

GENERATED_IMAGE = "generated_image"
"""``[1, n]`` BYTES, base64 text: one element for each picture."""

INFO = "info"
"""``[1, 1]`` BYTES, JSON of contracts.documents.package.GenerationInfo."""

MAX_PROMPT_CHARACTERS = 2000

MAX_IMAGE_BYTES = 6 << 20
"""Of the file. SageMaker takes requests of up to 25 MB."""

MAX_IMAGE_PIXELS = 40_000_000

DEFAULT_STRENGTH = 0.8
"""As diffusers has it."""

Scheduler = Literal[
    "DDIMScheduler",
    "DDPMScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "PNDMScheduler",
    "UniPCMultistepScheduler",
]
"""diffusers' class names."""

OutputFormat = Literal["png", "jpeg", "webp"]

Side = Annotated[int, Field(ge=64, le=1536, multiple_of=8)]
"""Pixels."""


class OtherModel(Document):
    """Another model of the same tenant, mixed into this one's pictures."""

    model: TargetModel
    """Must be loaded on the endpoint: send it a request first."""

    weight: Annotated[float, Field(ge=0, le=2)] = 1.0


class PictureArguments(Document):
    """``gen_args``: everything is optional; an absent field means the base's own default."""

    num_inference_steps: Annotated[int, Field(ge=1, le=150)] | None = None

    guidance_scale: Annotated[float, Field(ge=0, le=30)] | None = None
    """1 or less: no guidance, and half the work."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    """Of the first picture; the next one has the next seed. Absent: drawn at random."""

    height: Side | None = None

    width: Side | None = None

    lora_scale: Annotated[float, Field(ge=0, le=2)] = 1.0
    """How strongly the adapter counts; 0 is the bare base."""

    adapters: Annotated[tuple[OtherModel, ...], Field(max_length=3)] = ()
    """Adapters that are added to the model's own; ``lora_scale`` is the own one's weight."""

    style: Style | None = None
    """Words around both prompts, see contracts.shared.styles."""

    strength: Annotated[float, Field(gt=0, le=1)] | None = None
    """How much of ``image`` may change: 1 keeps nothing of it. Of the steps, so large a share is
    taken."""

    num_images_per_prompt: Annotated[int, Field(ge=1, le=4)] = 1

    scheduler: Scheduler | None = None

    output_format: OutputFormat = "png"

    quality: Annotated[int, Field(ge=1, le=100)] = 90
    """Of jpeg and webp."""

    use_cache: bool = True
    """Whether the answer may be one that was drawn before for exactly this request and seed."""


class StoredPictures(Document):
    """``pictures.json``: one request and its answer, beside the pictures; written last."""

    schema_version: Literal[1] = 1

    endpoint: str

    model: TargetModel

    prompt: str

    negative_prompt: str | None

    arguments: PictureArguments

    info: GenerationInfo

    files: dict[RelativePath, Sha256]
    """In the order of ``info.seeds``."""

    created_at: str
    """ISO 8601 in UTC."""


PictureCode = Literal[
    "invalid_argument",
    "adapter_invalid",
    "adapter_not_loaded",
    "other_tenant",
    "text_not_released",
    "wrong_base",
    "busy",
    "base_unavailable",
    "generation_failed",
    "memory_pressure",
    "unsafe_picture",
]
"""The word that a failed request carries."""

ERROR_PREFIX = "likeness/"
"""An error's text is ``likeness/<PictureCode>: <our own words>``; never a user's text."""
