"""Documents and rooms for the tests around a training."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from contracts.base import BaseCard, GateFloors, InferenceDefaults, TrainingDefaults
from contracts.documents.capacity import CapacityChoice
from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.photos import PhotoReport, PhotoSummary, PhotoVerdict
from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainAdapterInput
from contracts.documents.training import (
    AdapterManifest,
    GateReport,
    TrainingFailure,
    TrainingResult,
)
from contracts.documents.upload.request import TrainingRequest
from contracts.shared import layout
from contracts.shared.names import plan_id_of_name
from domain.ports.storage import Storage, write_document
from domain.training.queueing import queue_for_training
from domain.training.sagemaker_job import TrainingSettings
from domain.training.services import LaunchServices, TrainingServices
from tests.fakes.callbacks import MemoryCallbacks
from tests.fakes.jobs import MemoryJobs
from tests.fakes.storage import MemoryStorage
from tests.fakes.training import MemoryTrainer

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BASE_SHA256 = "b" * 64

SETTINGS = TrainingSettings(
    image_uri="registry/likeness-training:1",
    role_arn="arn:aws:iam::123456789012:role/training",
    instance_type="ml.g5.2xlarge",
    quota=2,
    max_batch=1,
    capacity_mode="warm",
    keep_alive_seconds=600,
    max_captioning_seconds=3600,
    max_runtime_seconds=7200,
    uploads_bucket="uploads",
    models_bucket="models",
    bases_bucket="bases",
)

ON_DEMAND = CapacityChoice(capacity="on-demand", reason="stack", users=1)

CARD = BaseCard(
    base_id="portraits-sdxl",
    family="sdxl",
    revision="1",
    sha256=BASE_SHA256,
    files={"unet/model.safetensors": "c" * 64},
    prediction_type="epsilon",
    resolution=64,
    training=TrainingDefaults(
        learning_rate=1e-3,
        train_batch_size=4,
        rank=4,
        steps_per_photo=10,
        min_train_steps=1,
        max_train_steps=100,
    ),
    inference=InferenceDefaults(
        num_inference_steps=10, guidance_scale=3.0, scheduler="EulerDiscreteScheduler"
    ),
    gate=GateFloors(min_effect=0.0),
)

REQUEST = TrainingRequest(instance_prompt="a photo of sks person", class_prompt="a photo of person")


def job_id(number: int) -> str:
    return f"{number:032x}"


def spec(number: int, tenant: str = "acme") -> JobSpec:
    return JobSpec(
        job_id=job_id(number), tenant=tenant, upload=f"u{number}", base_id="portraits-sdxl"
    )


def record(number: int, tenant: str = "acme", minute: int = 0, attempt: int = 0) -> JobRecord:
    """A queued job."""
    when = (NOON + timedelta(minutes=minute)).isoformat()
    return JobRecord(
        **spec(number, tenant).model_dump(),
        execution_arn=f"arn:execution:{number}",
        status="processing",
        stage="TrainAdapter",
        created_at=when,
        updated_at=when,
        queue="queued",
        queued_at=when,
        task_token=f"token-{number}",
        attempt=attempt,
    )


def given(number: int, task_token: str, tenant: str = "acme") -> TrainAdapterInput:
    summary = PhotoSummary(job_id=job_id(number), accepted=2, refused=1)
    return TrainAdapterInput(job=spec(number, tenant), photos=summary, task_token=task_token)


def inspect(models: Storage, job: JobSpec) -> None:
    """Leave the documents that AcceptRequest and InspectPhotos write."""
    accepted = AcceptedUpload(job=job, request=REQUEST, photos=())
    verdicts = (
        PhotoVerdict(index=0, verdict="accepted", file="000.png", sha256="0" * 64),
        PhotoVerdict(index=1, verdict="refused", codes=("too_small",)),
        PhotoVerdict(index=2, verdict="repaired", file="002.png", sha256="2" * 64),
    )
    write_document(models, layout.models.accepted_upload_key(job.job_id), accepted)
    report = PhotoReport(job_id=job.job_id, photos=verdicts)
    write_document(models, layout.models.photo_report_key(job.job_id), report)


@dataclass
class World:
    """Everything around a training, in memory."""

    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    models: MemoryStorage = field(default_factory=lambda: MemoryStorage("models"))
    bases: MemoryStorage = field(default_factory=lambda: MemoryStorage("bases"))
    trainer: MemoryTrainer = field(default_factory=MemoryTrainer)
    callbacks: MemoryCallbacks = field(default_factory=MemoryCallbacks)

    def __post_init__(self) -> None:
        key = layout.bases.card_key(CARD.base_id)
        write_document(self.bases, key, CARD)

    @property
    def services(self) -> TrainingServices:
        return TrainingServices(self.jobs, self.models, self.trainer, self.callbacks)

    @property
    def launching(self) -> LaunchServices:
        return LaunchServices(self.services, self.bases, SETTINGS)

    def enter(self, number: int, token: str = "token", tenant: str = "acme") -> str:
        """Run a job's execution up to TrainAdapter; return its id."""
        job = spec(number, tenant)
        self.jobs.claim(job, f"arn:execution:{number}", NOON)
        inspect(self.models, job)
        self.callbacks.wait(token)
        self.call_train_adapter(number, token, tenant)
        return job.job_id

    def call_train_adapter(self, number: int, token: str, tenant: str = "acme") -> None:
        queue_for_training(
            given(number, token, tenant), self.jobs, self.models, self.callbacks, NOON
        )

    def name_of(self, number: int) -> str:
        """The training job that trains this job now."""
        name = self.jobs.records[job_id(number)].training_job_name
        assert name is not None
        return name

    def write_result(self, number: int, failure: str | None = None) -> str:
        """Do as the trainer of this job's training does; return the result's key."""
        return self.write_result_of(number, self.name_of(number), failure)

    def write_result_of(self, number: int, name: str, failure: str | None = None) -> str:
        """Do as the trainer in the training job of this name does."""
        key = layout.models.result_key(plan_id_of_name(name), job_id(number))
        result = TrainingResult(
            job_id=job_id(number),
            training_job_name=name,
            status="failed" if failure else "succeeded",
            failure=TrainingFailure(code=failure, message="x") if failure else None,
        )
        write_document(self.models, key, result)
        return key


def write_adapter(models: Storage, number: int, weights: bytes, rank: int = 2) -> TrainingResult:
    """Leave a whole succeeded result with its files, as the trainer does."""
    manifest = AdapterManifest(
        job_id=job_id(number),
        base_id=CARD.base_id,
        base_revision=CARD.revision,
        base_sha256=CARD.sha256,
        family=CARD.family,
        prediction_type=CARD.prediction_type,
        rank=rank,
        lora_alpha=float(rank),
        trigger_word="sks",
        resolution=64,
        weights_sha256=sha256(weights).hexdigest(),
    )
    files = {
        "adapter/manifest.json": manifest.model_dump_json().encode(),
        "adapter/pytorch_lora_weights.safetensors": weights,
    }
    folder = layout.models.checkpoints_prefix(job_id(number)) + job_id(number)
    for name, body in files.items():
        models.write(f"{folder}/{name}", body)
    result = TrainingResult(
        job_id=job_id(number),
        training_job_name=f"likeness-{job_id(number)}-1",
        status="succeeded",
        adapter=manifest,
        files={name: sha256(body).hexdigest() for name, body in files.items()},
        gate=GateReport(passed=True, effect=0.1),
    )
    write_document(models, f"{folder}/result.json", result)
    return result


def safetensors(tensors: Mapping[str, tuple[tuple[int, ...], bytes]], dtype: str = "F32") -> bytes:
    """A safetensors file, written by hand."""
    header, body = {}, b""
    for name, (shape, data) in tensors.items():
        span = [len(body), len(body) + len(data)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": span}
        body += data
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return len(text).to_bytes(8, "little") + text + body


def lora(rank: int = 2, width: int = 4) -> bytes:
    """A LoRA of one layer, whose values are all one."""
    ones = bytes.fromhex("0000803f") * (rank * width)
    layer = "unet.down_blocks.0.attn.to_k"
    return safetensors(
        {
            f"{layer}.lora_A.weight": ((rank, width), ones),
            f"{layer}.lora_B.weight": ((width, rank), ones),
        }
    )
