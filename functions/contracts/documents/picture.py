"""The interface of a user's model: the picture request, its answer, and its error codes.

It is KServe v2, JSON or binary, as Triton implements it. Every input is a BYTES tensor of
WIRE_SHAPE: one batch row with one value. The answer's tensors have one row too.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from contracts.document import Document, RelativePath, Sha256
from contracts.documents.package import GenerationInfo, TargetModel
from contracts.shared.pictures.sampler_names import find_sampler
from contracts.shared.pictures.samplers import NAMES
from contracts.shared.pictures.upscalers import UPSCALERS, find_upscaler
from contracts.shared.words.picture_texts import MAX_PROMPT_CHARACTERS
from contracts.shared.words.styles import Style

WIRE_SHAPE = (1, 1)
"""Shape of every input tensor."""

PROMPT = "prompt"
NEGATIVE_PROMPT = "negative_prompt"
GEN_ARGS = "gen_args"
"""Name of the input with the JSON of PictureArguments."""

IMAGE = "image"
"""Name of the input with the start image: the base64 of a PNG or JPEG, or the address of one in S3
that is the tenant's own (contracts.shared.pictures.picture_places). Only PROMPT is required."""

GENERATED_IMAGE = "generated_image"
"""Name of the output with the pictures: ``[1, n]`` BYTES, one element each: base64 text, or a link
where all of them together are larger than MAX_INLINE_BYTES."""

INFO = "info"
"""Name of the output with the JSON of GenerationInfo: ``[1, 1]`` BYTES."""

MAX_IMAGE_BYTES = 6 << 20
"""Largest size of the start image's file. Above about 4 MB it must be in S3: the whole request
has at most MAX_PAYLOAD_BYTES, and base64 makes a third more."""

MAX_MASK_BYTES = 512 << 10
"""Largest size of the mask's file; a mask of one channel in PNG is far below it."""

MAX_MASK_CHARACTERS = MAX_MASK_BYTES * 4 // 3 + 4
"""The same in base64."""

DEFAULT_STRENGTH = 0.8
"""The default of diffusers."""

DEFAULT_HR_STRENGTH = 0.7
"""AUTOMATIC1111's default of the second pass."""

MAX_SIDE = 1536
"""Largest side of a picture, in pixels."""

Scheduler = Annotated[
    str, AfterValidator(find_sampler), Field(json_schema_extra={"enum": [*NAMES]})
]
"""One of NAMES in contracts.shared.pictures.samplers.

Other spellings and ComfyUI's names become one.
"""

Upscaler = Annotated[
    str, AfterValidator(find_upscaler), Field(json_schema_extra={"enum": [*UPSCALERS]})
]
"""A name of contracts.shared.pictures.upscalers.UPSCALERS, in any case."""

OutputFormat = Literal["png", "jpeg", "webp"]

Side = Annotated[int, Field(ge=64, le=MAX_SIDE, multiple_of=8)]
"""Side of a picture, in pixels."""


class OtherModel(Document):
    """Another model of the same tenant, mixed into this one's pictures."""

    model: TargetModel
    """The other model's TargetModel. It must be loaded on the endpoint: send it a request first."""

    weight: Annotated[float, Field(ge=0, le=2)] = 1.0


class PictureArguments(Document):
    """``gen_args``: every field is optional; an absent field means the base's default.

    Readers rename other tools' fields first: rename_arguments of contracts.shared.pictures.
    """

    num_inference_steps: Annotated[int, Field(ge=1, le=150)] | None = None

    guidance_scale: Annotated[float, Field(ge=0, le=30)] | None = None
    """Strength of classifier-free guidance; 1 or less: no guidance, which is half the work. Z-Image
    counts one less, as diffusers' pipeline does: only 0 is no guidance."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    """Seed of the first picture; each further picture has the next seed. Absent or -1: random."""

    height: Side | None = None

    width: Side | None = None

    lora_scale: Annotated[float, Field(ge=0, le=2)] = 1.0
    """Weight of the model's own adapter; 0 gives the base's pictures."""

    adapters: Annotated[tuple[OtherModel, ...], Field(max_length=3)] = ()
    """Adapters of other models to mix in; ``lora_scale`` is the own adapter's weight."""

    style: Style | None = None
    """Style whose words are put around both prompts; see contracts.shared.words.styles."""

    strength: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the start image, or with ``hr_scale`` of the first pass's picture, that may change:
    1 keeps nothing of it. The same share of the steps is run."""

    hr_scale: Annotated[float, Field(gt=1, le=4)] | None = None
    """AUTOMATIC1111's hires fix: the picture is drawn in ``width`` x ``height``, made so many times
    as large, and drawn again from that, as from a start image. Absent: one pass."""

    hr_upscaler: Upscaler | None = None
    """How it is made larger; absent: ``Latent``."""

    hr_second_pass_steps: Annotated[int, Field(ge=0, le=150)] | None = None
    """Steps of the second pass, of which ``strength`` is run; absent or 0: as many as the first."""

    refiner_switch_at: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the noise schedule that the base draws; SDXL's refiner draws the rest, without
    adapters. Diffusers' ``denoising_end`` and ``denoising_start``. Absent: no refiner."""

    mask_image: Annotated[str, Field(max_length=MAX_MASK_CHARACTERS)] | None = None
    """Base64 of a PNG or JPEG of the image's size, or its address in S3, as the image's: the image
    changes only where it is white."""

    prompt_weights: bool = True
    """Whether ``(word:1.2)``, ``(word)`` and ``[word]`` weigh words, as in AUTOMATIC1111; false:
    brackets are text. Z-Image's text encoder reads no weights: there brackets are always text."""

    clip_skip: Annotated[int, Field(ge=1, le=11)] | None = None
    """Number of the text encoders' last layers that are left out. AUTOMATIC1111 and kohya count one
    more: their 2 is 1 here."""

    num_images_per_prompt: Annotated[int, Field(ge=1, le=4)] = 1

    scheduler: Scheduler | None = None

    negative_prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)] | None = None
    """As the input of that name, for requests of other tools; only one of the two may be given."""

    output_format: OutputFormat = "png"

    quality: Annotated[int, Field(ge=1, le=100)] = 90
    """Quality of a JPEG or WebP file."""

    use_cache: bool = True
    """Whether the answer may come from the cache of an identical request with the same seed."""


ARGUMENT_NAMES = frozenset({PROMPT, NEGATIVE_PROMPT, IMAGE, *PictureArguments.model_fields})
"""Names that an error may begin with, as ``height: multiples of 16 with this endpoint's base``."""


class StoredPictures(Document):
    """``pictures.json``: one request and its answer; written after the pictures beside it."""

    schema_version: Literal[1] = 1

    endpoint: str

    model: TargetModel

    prompt: str

    negative_prompt: str | None

    arguments: PictureArguments

    info: GenerationInfo

    files: dict[RelativePath, Sha256]
    """SHA-256 of each picture's file, in the order of ``info.seeds``."""

    created_at: str
    """Time of the answer, ISO 8601 in UTC."""


PictureCode = Literal[
    "invalid_argument",
    "adapter_invalid",
    "adapter_not_loaded",
    "other_tenant",
    "text_not_released",
    "wrong_base",
    "busy",
    "base_unavailable",
    "model_unloaded",
    "generation_failed",
    "memory_pressure",
    "unsafe_picture",
    "prompt_refused",
    "picture_overflow",
    "picture_degenerate",
    "not_in_time",
    "over_budget",
    "answer_too_large",
    "cancelled",
]
"""The code of a failed picture request."""

ERROR_PREFIX = "likeness/"
"""Prefix of an error's text, ``likeness/<PictureCode>: <fixed text>``; never a user's text."""

NO_VERSION = "has no available versions"
"""Triton's own words for a model that is being loaded or unloaded: it will be there again."""
