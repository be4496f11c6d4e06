"""SageMaker's training jobs: implements domain.ports.trainer.Trainer."""

from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from pydantic import TypeAdapter

from aws import settings
from aws.clients import client
from aws.parameters.bases import captioner_from_env
from contracts.documents.capacity import CapacityMode
from contracts.documents.upload.options import Precision
from contracts.shared.instances.quotas import MAX_SENTENCE, quota_in
from domain.ports.trainer import CreateOutcome, NoCapacity, Refused, TrainingState
from domain.training.safety import SafetyStages
from domain.training.sagemaker_job import Network, TrainingSettings

_logger = Logger(child=True)

_WAIT = {"ResourceLimitExceeded", "ThrottlingException", "CapacityError"}
_DENIED = {"AccessDeniedException", "AccessDenied"}
_NOT_FOUND = ("not found", "could not find")
"""SageMaker's words for a missing job; the second ones are its words for other resources."""

AUTO, IMAGE_DECIDES, NOTHING = "auto", "image", "none"


class SageMakerTrainer:
    """See the Protocol for what each method promises."""

    def __init__(self, sagemaker: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._sagemaker = sagemaker

    @classmethod
    def from_env(cls) -> "SageMakerTrainer":
        """Use this region's SageMaker."""
        return cls(client("sagemaker"))

    def create(self, request: dict[str, Any]) -> CreateOutcome:
        """Start a training job; nothing starts when the name is taken already."""
        try:
            self._sagemaker.create_training_job(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceInUse":
                return "exists"
            if code in _WAIT:
                return refusal_of(error, request["TrainingJobName"])
            if code == "ValidationException" or code in _DENIED:
                refusal_of(error, request["TrainingJobName"])  # logged only: it names roles
                return Refused(denied=code in _DENIED)
            raise
        return "created"

    def describe(self, name: str) -> TrainingState | None:
        """Return the job's state, or None when no job has that name."""
        try:
            answer = self._sagemaker.describe_training_job(TrainingJobName=name)
        except ClientError as error:
            if is_not_found(error):
                return None
            raise
        return state_of(answer)

    def stop(self, name: str) -> None:
        """Stop a training job; do nothing when it has ended or never began."""
        try:
            self._sagemaker.stop_training_job(TrainingJobName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"ResourceNotFound", "ValidationException"}:
                raise


def refusal_of(error: ClientError, name: str) -> NoCapacity:
    """Return AWS's refusal of a training job, and log it: its sentence stands nowhere else."""
    sentence = error.response["Error"].get("Message", "")[:MAX_SENTENCE]
    quota = quota_in(sentence)
    _logger.warning(
        "training job refused",
        training_job_name=name,
        code=error.response["Error"]["Code"],
        sentence=sentence,
    )
    return NoCapacity(sentence, None if quota is None else quota.limit)


def state_of(answer: dict[str, Any]) -> TrainingState:
    """Return the state in DescribeTrainingJob's answer."""
    pool = answer.get("WarmPoolStatus", {})
    return TrainingState(
        name=answer["TrainingJobName"],
        status=answer["TrainingJobStatus"],
        secondary_status=answer["SecondaryStatus"],
        failure_reason=answer.get("FailureReason", ""),
        instance_type=answer["ResourceConfig"].get("InstanceType", ""),
        created_at=answer.get("CreationTime"),
        started_at=answer.get("TrainingStartTime"),
        ended_at=answer.get("TrainingEndTime"),
        training_seconds=answer.get("TrainingTimeInSeconds", 0),
        billable_seconds=answer.get("BillableTimeInSeconds", 0),
        instances=answer["ResourceConfig"].get("InstanceCount", 1),
        spot=answer.get("EnableManagedSpotTraining", False),
        pool_seconds=pool.get("ResourceRetainedBillableTimeInSeconds", 0),
        pool=pool.get("Status"),
    )


def is_not_found(error: ClientError) -> bool:
    """Return whether the error says that the job does not exist; SageMaker has two codes for it."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    return code == "ResourceNotFound" or (
        code == "ValidationException" and any(words in message.lower() for words in _NOT_FOUND)
    )


def chosen_precision(value: str) -> Precision | None:
    """Return template.yaml's TrainerMixedPrecision; None: the trainer looks at the GPU."""
    return None if value == AUTO else TypeAdapter(Precision).validate_python(value)


def chosen_or_none(value: str) -> str | None:
    """Return the value, or None where the image decides."""
    return None if value == IMAGE_DECIDES else value


def settings_from_env() -> TrainingSettings:
    """Return the settings that template.yaml gives for every training job."""
    return TrainingSettings(
        image_uri=settings.text("TRAINING_IMAGE_URI"),
        role_arn=settings.text("TRAINING_ROLE_ARN"),
        instance_type=settings.text("TRAINING_INSTANCE_TYPE"),
        quota=settings.number("TRAINING_QUOTA"),
        max_batch=settings.number("MAX_BATCH"),
        capacity_mode=TypeAdapter(CapacityMode).validate_python(settings.text("TRAINING_CAPACITY")),
        spot_discount=settings.number("SPOT_DISCOUNT") / 100,
        max_instances=settings.number("LARGEST_CLUSTER"),
        max_users_per_step=settings.number("MAX_USERS_PER_STEP"),
        keep_alive_seconds=settings.number("KEEP_ALIVE_SECONDS"),
        max_runtime_seconds=settings.number("MAX_RUNTIME_SECONDS"),
        max_captioning_seconds=settings.number("MAX_CAPTIONING_SECONDS"),
        uploads_bucket=settings.text("UPLOADS_BUCKET"),
        models_bucket=settings.text("MODELS_BUCKET"),
        bases_bucket=settings.text("BASES_BUCKET"),
        captioner_id=captioner_from_env(),
        volume_gb=settings.number("VOLUME_SIZE_GB"),
        num_processes=settings.number("NUM_PROCESSES"),
        mixed_precision=chosen_precision(settings.text("MIXED_PRECISION")),
        gradient_checkpointing=settings.text("GRADIENT_CHECKPOINTING") == "true",
        watchdog_seconds=settings.number("WATCHDOG_SECONDS"),
        safety=safety_from_env(),
        face_detector=chosen_or_none(settings.text("FACE_DETECTOR")),
        network=network_of(
            settings.optional("TRAINING_SUBNET_IDS"),
            settings.optional("TRAINING_SECURITY_GROUP_IDS"),
        ),
        output_kms_key=settings.optional("TRAINING_OUTPUT_KMS_KEY"),
    )


def safety_from_env() -> SafetyStages:
    """Return the stages that template.yaml's parameters name for pictures."""
    return SafetyStages(
        checker_id=named_or_none(settings.text("SAFETY_CHECKER_ID")),
        adjustment=float(settings.text("SAFETY_ADJUSTMENT")),
        filter_id=named_or_none(settings.text("CONTENT_FILTER_ID")),
        labels=settings.text("CONTENT_FILTER_LABELS"),
        threshold=settings.decimal("CONTENT_FILTER_THRESHOLD"),
    )


def named_or_none(value: str) -> str | None:
    """Return the value; None for the one that names nothing."""
    return None if value == NOTHING else value


def network_of(subnets: str | None, security_groups: str | None) -> Network | None:
    """Return the training jobs' network from lists that commas separate; None without one.

    >>> network_of("subnet-1,subnet-2", "sg-1")
    Network(subnet_ids=('subnet-1', 'subnet-2'), security_group_ids=('sg-1',))
    >>> network_of(None, None) is None
    True
    """
    if subnets is None or security_groups is None:
        return None
    return Network(tuple(subnets.split(",")), tuple(security_groups.split(",")))
