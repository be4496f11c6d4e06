"""The one place that says what a training job of ours looks like.

A warm pool is reused only when role, instance, volume, network and isolation flags agree, so every
request is built here and differs from another one only in names, inputs and times. How long a pool
is kept may change from request to request: SageMaker does not compare it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from contracts.documents.training import TrainingPlan
from contracts.shared import layout

METRICS = {
    "step": r"\bstep=([0-9]+)",
    "loss": r"\bloss=([0-9.eE+-]+)",
    "learning_rate": r"\blr=([0-9.eE+-]+)",
    "grad_norm": r"\bgrad_norm=([0-9.eE+-]+)",
    "images_per_second": r"\bimages_per_second=([0-9.eE+-]+)",
    "effect": r"\beffect=([0-9.eE+-]+)",
    "identity": r"\bidentity=([0-9.eE+-]+)",
    "sample_identity": r"\bsample_identity=([0-9.eE+-]+)",
    "sample_prompt_following": r"\bsample_prompt_following=([0-9.eE+-]+)",
}
"""Parsed from the trainer's log lines
``step=12 loss=0.1234 lr=1.0e-04 grad_norm=0.5 images_per_second=3.2``,
``step=12 sample_identity=0.7900 sample_prompt_following=1.0000`` and
``gate effect=0.2100 identity=0.8300``."""

LONGEST_RUNTIME = 5 * 24 * 3600
"""Seconds; SageMaker's default limit for one training job."""

EXPORT_SECONDS = 180
"""Before the end of the runtime: enough to save what was learnt so far."""

LEAST_RUNTIME = EXPORT_SECONDS + 60
"""Seconds; below this nothing would be learnt before the export."""

CHECKPOINTS, TENSORBOARD = "/opt/ml/checkpoints", "/opt/ml/output/tensorboard"

JobStatus = Literal["InProgress", "Completed", "Failed", "Stopping", "Stopped"]
Creation = Literal["created", "exists", "no_capacity"]
"""What became of a request; ``no_capacity`` also stands for limits and throttling: wait."""
PoolStatus = Literal["InUse", "Available", "Reused", "Terminated"]


class Run(NamedTuple):
    """How long a training job had an instance to itself."""

    created_at: datetime
    ended_at: datetime | None
    """None: it goes on."""


@dataclass(frozen=True)
class TrainingState:
    """How a training job stands, in SageMaker's words."""

    name: str
    status: JobStatus
    secondary_status: str = ""
    failure_reason: str = ""
    instance_type: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    """Of the download: from here on instances are billed."""
    ended_at: datetime | None = None
    training_seconds: int = 0
    """From there to the end; 0 until then."""
    billable_seconds: int = 0
    """Spot instances are billed for less."""
    spot: bool = False
    pool_seconds: int = 0
    """How long the instance was kept warm afterwards, as far as it is known."""
    pool: PoolStatus | None = None
    """How the instance that it leaves stands; None: it keeps none."""

    @property
    def ended(self) -> bool:
        """Whether it will write nothing more."""
        return self.status in {"Completed", "Failed", "Stopped"}

    @property
    def keeps_pool(self) -> bool:
        """Whether the instance still waits, or will wait, for another job."""
        return self.pool in {"InUse", "Available"}

    @property
    def run(self) -> Run | None:
        """From creation to end; None for a job that never had an instance, or has not ended."""
        if self.created_at is None or self.started_at is None or self.ended_at is None:
            return None
        return Run(self.created_at, self.ended_at)


class Trainer(Protocol):
    """What the rules need of SageMaker."""

    def create(self, request: dict[str, Any]) -> Creation:
        """Start a training job; a name that is taken already starts nothing."""
        ...

    def describe(self, name: str) -> TrainingState | None:
        """Return how the job stands, or None when no job has that name."""
        ...

    def stop(self, name: str) -> None:
        """Stop a training job; one that has ended, or never began, is left alone."""
        ...


@dataclass(frozen=True)
class TrainingSettings:
    """What the stack decides for every training job."""

    image_uri: str
    role_arn: str
    instance_type: str
    quota: int
    """Training jobs that may run at once."""
    largest_batch: int
    """Users that one training job may train."""
    spot_backlog: bool
    """Whether jobs of several users run on spot instances; those cannot keep a warm pool."""
    keep_alive_seconds: int
    """At most; what it is for the next job, domain.training.keep_alive says. 0 switches warm pools off."""
    max_runtime_seconds: int
    """For one user."""
    uploads_bucket: str
    models_bucket: str
    bases_bucket: str
    captioner_id: str | None = None
    """What describes pictures, in the bases' bucket; every training job gets it, or none does."""
    volume_gb: int = 50


def training_job_request(
    name: str,
    plan: TrainingPlan,
    base_id: str,
    settings: TrainingSettings,
    *,
    with_priors: bool = False,
) -> dict[str, Any]:
    """Return the arguments of CreateTrainingJob; no personal data, no user text."""
    spot = settings.spot_backlog and len(plan.tasks) > 1
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": settings.image_uri,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": n, "Regex": regex} for n, regex in METRICS.items()],
        },
        "RoleArn": settings.role_arn,
        "InputDataConfig": channels(plan.plan_id, base_id, settings, with_priors=with_priors),
        "OutputDataConfig": {
            "S3OutputPath": models_uri(f"training/{plan.plan_id}/output/", settings),
            "CompressionType": "GZIP",
        },
        "ResourceConfig": resources(settings, spot=spot),
        "StoppingCondition": stopping(runtime_of_plan(plan, settings), spot=spot),
        "CheckpointConfig": {
            "S3Uri": models_uri(layout.checkpoints_prefix(plan.plan_id), settings),
            "LocalPath": CHECKPOINTS,
        },
        "TensorBoardOutputConfig": {
            "S3OutputPath": models_uri(layout.tensorboard_prefix(plan.plan_id), settings),
            "LocalPath": TENSORBOARD,
        },
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "EnableManagedSpotTraining": spot,
        "Tags": [
            {"Key": "application", "Value": "likeness"},
            {"Key": "plan", "Value": plan.plan_id},
        ],
    }


def channels(
    plan_id: str, base_id: str, settings: TrainingSettings, *, with_priors: bool
) -> list[dict[str, Any]]:
    """Return the inputs: what to do, on which photos, from which base, with which class images."""
    plan_folder = layout.plan_key(plan_id).removesuffix(layout.PLAN_FILE)
    base_uri = f"s3://{settings.bases_bucket}/{layout.base_prefix(base_id)}"
    manifest_uri = models_uri(layout.photos_manifest_key(plan_id), settings)
    priors_uri = models_uri(layout.priors_manifest_key(plan_id), settings)
    priors = [channel(layout.PRIOR_CHANNEL, "ManifestFile", priors_uri)] if with_priors else []
    captioner = []
    if settings.captioner_id is not None:
        folder = layout.captioner_prefix(settings.captioner_id)
        uri = f"s3://{settings.bases_bucket}/{folder}"
        captioner = [channel(layout.CAPTIONER_CHANNEL, "S3Prefix", uri)]
    return [
        channel(layout.PLAN_CHANNEL, "S3Prefix", models_uri(plan_folder, settings)),
        channel(layout.PHOTOS_CHANNEL, "ManifestFile", manifest_uri),
        channel(layout.BASE_CHANNEL, "S3Prefix", base_uri),
        *captioner,
        *priors,
    ]


def channel(name: str, kind: str, uri: str) -> dict[str, Any]:
    """Return one entry of InputDataConfig."""
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def max_runtime(users: int, settings: TrainingSettings) -> int:
    """Return the seconds after which SageMaker stops the job: each user's share, within limits."""
    return min(users * settings.max_runtime_seconds, LONGEST_RUNTIME)


def runtime_of_plan(plan: TrainingPlan, settings: TrainingSettings) -> int:
    """Return the seconds after which SageMaker stops a plan that has not stopped by itself."""
    if plan.deadline_seconds is None:
        return max_runtime(len(plan.tasks), settings)
    return plan.deadline_seconds + EXPORT_SECONDS


def stopping(runtime_seconds: int, *, spot: bool) -> dict[str, int]:
    """Return StoppingCondition; a spot job may wait as long again for its instances."""
    if not spot:
        return {"MaxRuntimeInSeconds": runtime_seconds}
    return {
        "MaxRuntimeInSeconds": runtime_seconds,
        "MaxWaitTimeInSeconds": 2 * runtime_seconds,
    }


def resources(settings: TrainingSettings, *, spot: bool) -> dict[str, Any]:
    """Return ResourceConfig; a warm pool of no seconds, or of spot instances, is left out."""
    config: dict[str, Any] = {
        "InstanceCount": 1,
        "InstanceType": settings.instance_type,
        "VolumeSizeInGB": settings.volume_gb,
    }
    if settings.keep_alive_seconds > 0 and not spot:
        config["KeepAlivePeriodInSeconds"] = settings.keep_alive_seconds
    return config


def models_uri(key: str, settings: TrainingSettings) -> str:
    """Return where a key of the models bucket lies."""
    return f"s3://{settings.models_bucket}/{key}"
