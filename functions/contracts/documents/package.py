"""ModelPackage: one adapter as the endpoint serves it. GenerationInfo: how a picture was made."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.document import Document, JobId, S3Uri, Sha256

TargetModel = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}-[0-9a-f]{12}\.tar\.gz$")]
"""``<job_id>-<12 digits of the weights' sha256>.tar.gz``: unique, so no key is overwritten."""

RESIDENT_BASE = "likeness_base"
"""The Triton model that holds the base; no TargetModel may carry this name."""

PACKAGE_FOLDER = "likeness"
"""The archive's only folder. Triton's SageMaker front end loads an archive without a folder only
from ``/opt/ml/models`` itself, and an archive with a folder from anywhere."""

PACKAGE_WEIGHTS = f"{PACKAGE_FOLDER}/1/adapter/pytorch_lora_weights.safetensors"
PACKAGE_MANIFEST = f"{PACKAGE_FOLDER}/1/adapter/manifest.json"
PACKAGE_CARD = f"{PACKAGE_FOLDER}/1/package.json"
PACKAGE_CODE = f"{PACKAGE_FOLDER}/1/model.py"
PACKAGE_CONFIG = f"{PACKAGE_FOLDER}/config.pbtxt"


RELEASED_TEXTS = frozenset(
    {
        "df782a72f309c0bd023f69ff5e0890199eac3b46a00c296f195cb349a3290bd2",  # 0.1 config.pbtxt
        "544315b36f3225b78d0b96faf6525aacd64ebf4c37f4228a64defce3e0f4d77b",  # 0.1 model.py
        "038ceaedcec229010c2a55d56a51a51147b279767eacc7dc64625ae8de6190da",  # 0.2 config.pbtxt
        "b68ff1edc98e9f5f0cffdf397f4206e7935167847bc4de82cf21222244d37998",  # 0.2 model.py
        "9ef4e268b1bb5c322249dddd8a05af0baf721b630b5ae5443199b7394b11e509",  # 0.3 config.pbtxt
        "4a3399de456191a1634ca27b74b97d9c784453a797cd2174979b0001221f3aca",  # 0.3 model.py
        "e1eab24ddd95637852322771b78a21c4c83a5d35055b5966911c29a364c6892c",  # 0.4 model.py
        "b99e30bdeef722df2ddf6a90c91fc95f31664144b4803470ce82eabee85c5406",  # 0.5 config.pbtxt
        "94055898141587e18dce154b68fd55058d0346f5daf597328e3366f05baef2b5",  # 0.5 model.py
    }
)
"""SHA-256 of every text that was ever packed into a user's model. PublishAdapter packs no other
text, and the base answers no other. Packages live long, so lines are added and never removed."""

BASE_MODEL_JOB = "0" * 32
"""Stands for the job id in the TargetModel of the base itself (publishing.base_model)."""


class PackageCard(Document):
    """``1/package.json``: the model's tenant. Models are mixed only within one tenant."""

    schema_version: Literal[1] = 1

    tenant_sha256: Sha256 | None
    """SHA-256 of the tenant's id; null for the base itself, which has no tenant."""

    adapter: bool
    """Whether the package has an adapter; false for the base itself."""


class ModelPackage(Document):
    """What PublishAdapter published."""

    schema_version: Literal[1] = 1

    job_id: JobId

    target_model: TargetModel
    """Value of the TargetModel header of InvokeEndpoint."""

    uri: S3Uri

    sha256: Sha256
    """SHA-256 of the archive."""

    weights_sha256: Sha256

    trigger_word: str

    trigger_words: tuple[str, ...] = ()
    """The trigger word of each subject, where there are several; the first is ``trigger_word``."""


class WarmModelReport(Document):
    """The first picture of a published model."""

    schema_version: Literal[1] = 1

    job_id: JobId

    target_model: TargetModel

    seconds: Annotated[float, Field(ge=0)]
    """Seconds from the first call to a valid picture."""

    endpoint_name: str


class MixedAdapter(Document):
    """Another adapter that was mixed into the picture."""

    sha256: Sha256
    """SHA-256 of the weights file."""

    weight: float


class HiresInfo(Document):
    """The second pass of a picture."""

    upscaler: str

    width: int
    """Width and height of the first pass, in pixels."""

    height: int

    num_inference_steps: int
    """Steps of the second pass, of which the share ``strength`` was run."""

    strength: float


class RefinerInfo(Document):
    """The refiner's part of a picture."""

    sha256: Sha256
    """Hash of the refiner's files."""

    switch_at: float
    """Share of the noise schedule that the base drew."""


Ignored = Literal["lora_tag", "and_keyword", "weights", "negative_prompt"]
"""``lora_tag``: AUTOMATIC1111's ``<lora:name:1>``, which names a file that is not here.
``and_keyword``: its ``AND``, which joins the pictures of two prompts; here it is a word.
``weights``: ``(word:1.2)``, where the base's text encoder reads no weights: it is read as text.
``negative_prompt``: without guidance it has no effect."""


class GenerationInfo(Document):
    """The ``info`` output of every answer: the weights and settings that made its pictures."""

    base_sha256: Sha256

    adapter_sha256: Sha256 | None
    """SHA-256 of the weights file; null when the base answered without an adapter."""

    seeds: tuple[int, ...]
    """Seed of each picture."""

    num_inference_steps: int

    guidance_scale: float

    lora_scale: float

    mixed: tuple[MixedAdapter, ...] = ()
    """Adapters that were mixed in beside the model's own."""

    strength: float | None = None
    """Share of the start image that could change; absent: there was no start image."""

    image_sha256: Sha256 | None = None
    """SHA-256 of the start image's file."""

    mask_sha256: Sha256 | None = None
    """SHA-256 of the mask's file; absent: the whole image could change."""

    hires: HiresInfo | None = None
    """How the picture was drawn a second time; absent: it was not."""

    clip_skip: int | None = None
    """Number of the text encoders' last layers that were left out; absent: none."""

    refiner: RefinerInfo | None = None
    """How SDXL's refiner drew the last steps; absent: it did not."""

    ignored: tuple[Ignored, ...] = ()
    """What of the prompts had no effect, or not the one of other tools."""

    scheduler: str
    """Class name in diffusers."""

    scheduler_options: dict[str, str | bool] = Field(default={})
    """What the request's sampler set on top of the base's configuration; absent: nothing."""

    width: int

    height: int

    seconds: float
    """Seconds that the base took for the whole pass."""

    stored: tuple[S3Uri, ...] = ()
    """Addresses of the pictures' files, where they were too large for the answer: it has links."""

    cached: bool = False
    """Whether the answer comes from the cache of an earlier, identical request."""
