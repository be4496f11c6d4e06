"""Build the request of a training job: every CreateTrainingJob request comes from this module.

SageMaker reuses a warm pool only when role, instance, volume, network and isolation flags agree.
So two requests differ only in names, inputs and times. The keep-alive period may differ, because
SageMaker does not compare it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from contracts.documents.capacity import CapacityChoice, CapacityMode
from contracts.documents.training import TrainingPlan
from contracts.documents.upload.options import Precision
from contracts.documents.upload.run import RunOptions
from contracts.shared import layout
from contracts.shared.limits import MAX_RUN_SECONDS
from domain.pricing.prices import processes_on
from domain.training.job_tags import job_tags
from domain.training.safety import NO_STAGES, SafetyStages

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

EXPORT_SECONDS = 180
"""Seconds before the end of the runtime at which the trainer saves and exports its adapters."""

MIN_RUNTIME = EXPORT_SECONDS + 60
"""Smallest runtime in seconds; with less time nothing would be learnt before the export."""

FACE_DETECTOR = "LIKENESS_FACE_DETECTOR"
"""The variable of the training image that trainer.faces.choice reads."""

CHECKPOINTS, TENSORBOARD = "/opt/ml/checkpoints", "/opt/ml/output/tensorboard"


class Network(NamedTuple):
    """Subnets and security groups of a VPC."""

    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]


@dataclass(frozen=True)
class TrainingSettings:
    """The settings that are the same for every training job of a stack."""

    image_uri: str
    role_arn: str
    instance_type: str
    quota: int
    """Instances that training jobs may use at once."""
    max_batch: int
    """Largest number of users that one instance may train in one training job."""
    keep_alive_seconds: int
    """Longest time to keep a warm pool; domain.training.keep_alive chooses the actual time. 0
    switches warm pools off."""
    max_runtime_seconds: int
    """Largest runtime for one user."""
    max_captioning_seconds: int
    """Largest runtime of a job that only captions."""
    uploads_bucket: str
    models_bucket: str
    bases_bucket: str
    captioner_id: str | None = None
    """The model that describes pictures, in the bases bucket; None: the stack has none."""
    capacity_mode: CapacityMode = "planned"
    """Spot, warm or on demand: planned for each training job, or always the same."""
    spot_discount: float = 0.6
    """Share of the on-demand price that spot instances save; an assumption of the operator."""
    max_instances: int = 1
    """Largest number of instances of one training job."""
    max_users_per_step: int = 8
    """Largest number of users that are trained in one step; 1: each user has its own steps."""
    volume_gb: int = 50
    """Storage volume of a training job, unless the request chooses another."""
    num_processes: int = 1
    """Largest number of processes that train one adapter; never more than the instance has GPUs."""
    mixed_precision: Precision | None = None
    """Type of the frozen networks unless the request chooses; None: the trainer asks the GPU."""
    gradient_checkpointing: bool = False
    """Whether trainings save memory at the price of a third of their speed."""
    watchdog_seconds: int = 120
    """Seconds without a step after which the trainer logs where it is; 0: never."""
    network: Network | None = None
    """Where the training jobs' instances run; None: in SageMaker's own network."""
    output_kms_key: str | None = None
    """Customer key of the jobs' artifacts; None: the bucket's own encryption. Volumes have none:
    SageMaker refuses VolumeKmsKeyId for instance types with local disks, as all of ours are."""
    safety: SafetyStages = NO_STAGES
    """What looks at the pictures of a training before anybody sees them."""
    face_detector: str | None = None
    """Name of the face detector; None: the training image decides, and else the base's card."""


class Inputs(NamedTuple):
    """What a training job reads beside its plan and its photos."""

    base_id: str
    class_images: bool = False
    """Whether there are stored class images."""
    captioner: bool = False
    """Whether a task asks for captions: others do not wait for the download."""
    base_manifest: bool = False
    """Whether a manifest says which of the base's files are downloaded: it has a refiner."""
    states: bool = False
    """Whether a task goes on from the checkpoint of a sweep's earlier rung."""


class Placement(NamedTuple):
    """On what a training job runs."""

    choice: CapacityChoice
    """The kind of instances."""
    run: RunOptions | None = None
    """The machine that all tasks ask for; what it leaves open is as the stack says."""


def training_job_request(
    name: str, plan: TrainingPlan, inputs: Inputs, placement: Placement, settings: TrainingSettings
) -> dict[str, Any]:
    """Return the arguments of CreateTrainingJob; no personal data, no user text."""
    run, choice = with_defaults(placement.run, settings), placement.choice
    spot = choice.capacity == "spot"
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": settings.image_uri,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": n, "Regex": regex} for n, regex in METRICS.items()],
        },
        "HyperParameters": hyperparameters(run, settings, plan, choice.users_per_step),
        "Environment": environment(settings),
        "RoleArn": settings.role_arn,
        "InputDataConfig": channels(plan, inputs, settings),
        "OutputDataConfig": {
            "S3OutputPath": models_uri(
                layout.models.training_output_prefix(plan.plan_id), settings
            ),
            "CompressionType": "GZIP",
            **({"KmsKeyId": settings.output_kms_key} if settings.output_kms_key else {}),
        },
        **vpc(settings),
        "ResourceConfig": resources(run, choice, max(1, len(plan.shares))),
        "StoppingCondition": stopping(runtime_of_plan(plan, settings), spot=spot),
        "CheckpointConfig": {"S3Uri": checkpoints_uri(plan, settings), "LocalPath": CHECKPOINTS},
        "TensorBoardOutputConfig": {
            "S3OutputPath": models_uri(layout.models.tensorboard_prefix(plan.plan_id), settings),
            "LocalPath": TENSORBOARD,
        },
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "EnableManagedSpotTraining": spot,
        "Tags": job_tags(plan, inputs.base_id),
    }


def hyperparameters(
    run: RunOptions, settings: TrainingSettings, plan: TrainingPlan, users_per_step: int
) -> dict[str, str]:
    """Return what the trainer reads in ``hyperparameters.json``; SageMaker takes text only."""
    chosen: dict[str, object] = {
        "users_per_step": users_per_step,
        "num_processes": 1 if plan.captions_only else processes_of(run, settings),
        "gradient_checkpointing": str(settings.gradient_checkpointing).lower(),
        "watchdog_seconds": settings.watchdog_seconds,
    }
    if settings.mixed_precision is not None:
        chosen["mixed_precision"] = settings.mixed_precision
    return {name: str(value) for name, value in chosen.items()}


def vpc(settings: TrainingSettings) -> dict[str, Any]:
    """Return VpcConfig, where the stack has a network; a warm pool compares it."""
    if settings.network is None:
        return {}
    return {
        "VpcConfig": {
            "Subnets": list(settings.network.subnet_ids),
            "SecurityGroupIds": list(settings.network.security_group_ids),
        }
    }


def processes_of(run: RunOptions, settings: TrainingSettings) -> int:
    """Return how many processes train one adapter."""
    return processes_on(str(run.instance_type), settings.num_processes)


def environment(settings: TrainingSettings) -> dict[str, str]:
    """Return the variables of the training container."""
    return {} if settings.face_detector is None else {FACE_DETECTOR: settings.face_detector}


def checkpoints_uri(plan: TrainingPlan, settings: TrainingSettings) -> str:
    """Return where SageMaker keeps the job's checkpoints; captions are beside the photos."""
    if plan.captions_only:
        return (
            f"s3://{settings.uploads_bucket}/{layout.uploads.captions_prefix(plan.tasks[0].job_id)}"
        )
    return models_uri(layout.models.checkpoints_prefix(plan.plan_id), settings)


def channels(
    plan: TrainingPlan, inputs: Inputs, settings: TrainingSettings
) -> list[dict[str, Any]]:
    """Return InputDataConfig: plan, photos, base; and the other channels as far as there are any.

    A job that only captions gets no base.
    """
    plan_id = plan.plan_id
    plan_folder = layout.models.plan_key(plan_id).removesuffix(layout.container.PLAN_FILE)
    manifest_uri = models_uri(layout.models.photos_manifest_key(plan_id), settings)
    class_images = []
    if inputs.class_images:
        uri = models_uri(layout.models.class_images_manifest_key(plan_id), settings)
        class_images = [channel(layout.container.CLASS_IMAGES_CHANNEL, "ManifestFile", uri)]
    states = []
    if inputs.states:
        uri = models_uri(layout.models.states_manifest_key(plan_id), settings)
        states = [channel(layout.container.STATE_CHANNEL, "ManifestFile", uri)]
    captioner = []
    if settings.captioner_id is not None and inputs.captioner:
        folder = layout.bases.captioner_prefix(settings.captioner_id)
        uri = f"s3://{settings.bases_bucket}/{folder}"
        captioner = [channel(layout.container.CAPTIONER_CHANNEL, "S3Prefix", uri)]
    return [
        channel(layout.container.PLAN_CHANNEL, "S3Prefix", models_uri(plan_folder, settings)),
        channel(layout.container.PHOTOS_CHANNEL, "ManifestFile", manifest_uri),
        *([] if plan.captions_only else [base_channel(plan_id, inputs, settings)]),
        *([] if plan.safety is None else safety_channels(settings)),
        *captioner,
        *states,
        *class_images,
    ]


def safety_channels(settings: TrainingSettings) -> list[dict[str, Any]]:
    """Return the channels with the safety checker and the content filter, as far as named."""
    found = {
        layout.container.CHECKER_CHANNEL: (settings.safety.checker_id, layout.bases.safety_prefix),
        layout.container.FILTER_CHANNEL: (
            settings.safety.filter_id,
            layout.bases.classifier_prefix,
        ),
    }
    return [
        channel(name, "S3Prefix", f"s3://{settings.bases_bucket}/{prefix(named)}")
        for name, (named, prefix) in found.items()
        if named is not None
    ]


def base_channel(plan_id: str, inputs: Inputs, settings: TrainingSettings) -> dict[str, Any]:
    """Return the channel with the base: its whole folder, or what a manifest names of it."""
    if inputs.base_manifest:
        uri = models_uri(layout.models.base_manifest_key(plan_id), settings)
        return channel(layout.container.BASE_CHANNEL, "ManifestFile", uri)
    uri = f"s3://{settings.bases_bucket}/{layout.bases.base_prefix(inputs.base_id)}"
    return channel(layout.container.BASE_CHANNEL, "S3Prefix", uri)


def channel(name: str, kind: str, uri: str) -> dict[str, Any]:
    """Return one entry of InputDataConfig."""
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def max_runtime(users: int, settings: TrainingSettings) -> int:
    """Return the seconds after which SageMaker stops a training job of ``users`` users."""
    return min(users * settings.max_runtime_seconds, MAX_RUN_SECONDS)


def runtime_of_plan(plan: TrainingPlan, settings: TrainingSettings) -> int:
    """Return the seconds after which SageMaker stops a plan that does not end by itself."""
    if plan.deadline_seconds is None:
        return max_runtime(max(plan.shares, default=len(plan.tasks)), settings)
    return plan.deadline_seconds + EXPORT_SECONDS


def stopping(runtime_seconds: int, *, spot: bool) -> dict[str, int]:
    """Return StoppingCondition; a spot job may also wait for instances, for the same time."""
    if not spot:
        return {"MaxRuntimeInSeconds": runtime_seconds}
    return {
        "MaxRuntimeInSeconds": runtime_seconds,
        "MaxWaitTimeInSeconds": 2 * runtime_seconds,
    }


def with_defaults(run: RunOptions | None, settings: TrainingSettings) -> RunOptions:
    """Return the machine with the stack's instance type and volume where none is chosen."""
    run = run or RunOptions()
    return run.model_copy(
        update={
            "instance_type": run.instance_type or settings.instance_type,
            "volume_size": run.volume_size or settings.volume_gb,
        }
    )


def pool_of(run: RunOptions, instances: int = 1) -> str:
    """Return the warm pool that a job on these instances takes and leaves.

    >>> small = RunOptions(instance_type="ml.g5.2xlarge", volume_size=50)
    >>> pool_of(small), pool_of(small, instances=3)
    ('ml.g5.2xlarge/50', 'ml.g5.2xlarge/50/3')
    """
    several = f"/{instances}" if instances > 1 else ""
    return f"{run.instance_type}/{run.volume_size}{several}"


def resources(run: RunOptions, choice: CapacityChoice, instances: int) -> dict[str, Any]:
    """Return ResourceConfig; without a warm pool for 0 seconds or spot instances."""
    config: dict[str, Any] = {
        "InstanceCount": instances,
        "InstanceType": run.instance_type,
        "VolumeSizeInGB": run.volume_size,
    }
    if choice.capacity == "warm" and choice.keep_alive_seconds > 0:
        config["KeepAlivePeriodInSeconds"] = choice.keep_alive_seconds
    return config


def models_uri(key: str, settings: TrainingSettings) -> str:
    """Return the URI of a key in the models bucket."""
    return f"s3://{settings.models_bucket}/{key}"
