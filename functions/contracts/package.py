"""ModelPackage: one adapter as the endpoint serves it; and what the server says of a picture."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.document import Document, JobId, S3Uri, Sha256

TargetModel = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}-[0-9a-f]{12}\.tar\.gz$")]
"""``<job_id>-<12 of the weights' sha256>.tar.gz``: unique for ever, so no key is overwritten."""

RESIDENT_BASE = "likeness_base"
"""The Triton model that holds the base; no TargetModel may carry this name."""

PACKAGE_FOLDER = "likeness"
"""The archive's only folder. Triton's SageMaker front end takes files without one only when they
lie under exactly ``/opt/ml/models``; with one, it takes them anywhere."""

PACKAGE_WEIGHTS = f"{PACKAGE_FOLDER}/1/adapter/pytorch_lora_weights.safetensors"
PACKAGE_MANIFEST = f"{PACKAGE_FOLDER}/1/adapter/manifest.json"
PACKAGE_CODE = f"{PACKAGE_FOLDER}/1/model.py"
PACKAGE_CONFIG = f"{PACKAGE_FOLDER}/config.pbtxt"


class ModelPackage(Document):
    """What PublishAdapter published."""

    schema_version: Literal[1] = 1

    job_id: JobId

    target_model: TargetModel
    """Send it as the TargetModel header of InvokeEndpoint."""

    uri: S3Uri

    sha256: Sha256
    """Of the archive."""

    weights_sha256: Sha256

    trigger_word: str


class WarmModelReport(Document):
    """The first picture of a published model."""

    schema_version: Literal[1] = 1

    job_id: JobId

    target_model: TargetModel

    seconds: Annotated[float, Field(ge=0)]
    """From the first call to a valid picture."""

    endpoint_name: str


class GenerationInfo(Document):
    """The ``info`` output of every answer: which weights made which picture, and how."""

    base_sha256: Sha256

    adapter_sha256: Sha256 | None
    """Of the weights file; absent when the base answered alone."""

    seeds: tuple[int, ...]
    """One for each picture."""

    num_inference_steps: int

    guidance_scale: float

    lora_scale: float

    scheduler: str

    width: int

    height: int

    seconds: float
    """In the base, for the whole pass that made it."""
