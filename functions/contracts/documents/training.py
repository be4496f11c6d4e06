"""TrainingPlan goes into a SageMaker training job; a TrainingResult comes out for each task."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.document import Document, JobId, PlanId, RelativePath, S3Uri, Sha256
from contracts.documents.photos import Code, PhotoVerdict, StoredFile
from contracts.documents.prior import PriorOrder
from contracts.documents.upload.request import TrainingRequest


class TaskPhoto(Document):
    """One accepted photo as the trainer sees it."""

    index: Annotated[int, Field(ge=0)]

    file: RelativePath
    """Relative to the ``photos`` channel: ``<job_id>/<NNN>.png``."""

    sha256: Sha256

    caption: str | None = None

    mask: StoredFile | None = None
    """Of the photo's size, in the ``photos`` channel: ``<job_id>/<NNN>.mask.png``."""

    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often it comes in an epoch, times the request's ``repeats``."""


class TrainingTask(Document):
    """One user's adapter to train."""

    job_id: JobId

    request: TrainingRequest

    photos: Annotated[tuple[TaskPhoto, ...], Field(min_length=1)]

    class_photos: tuple[StoredFile, ...] = ()
    """The user's own pictures of the class, in the ``photos`` channel:
    ``<job_id>/class/<NNN>.png``. They stand in for class images that the base would draw."""


class TrainingPlan(Document):
    """``plan.json``, the ``plan`` channel: the tasks of one training job, run in this order."""

    schema_version: Literal[1] = 1

    plan_id: PlanId

    base_sha256: Sha256
    """The base that must lie in the ``base`` channel."""

    tasks: tuple[TrainingTask, ...]

    priors: tuple[PriorOrder, ...] = ()
    """Class images to have before the first task; without tasks, all there is to do."""

    deadline_seconds: Annotated[int, Field(ge=60)] | None = None
    """After this long the trainer saves, exports and stops; absent: SageMaker's own limit."""

    @model_validator(mode="after")
    def _has_work(self) -> "TrainingPlan":
        if not self.tasks and not self.priors:
            message = "a plan has tasks or priors"
            raise ValueError(message)
        return self


class AdapterManifest(Document):
    """``adapter/manifest.json``: what the weights are, so that no one has to guess."""

    schema_version: Literal[1] = 1

    job_id: JobId

    base_id: str

    base_revision: str

    base_sha256: Sha256

    family: Literal["sd1", "sd2", "sdxl"]

    prediction_type: Literal["epsilon", "v_prediction"]

    rank: Annotated[int, Field(ge=1)]

    lora_alpha: Annotated[float, Field(gt=0)]
    """As trained. The diffusers file already holds alpha / rank, folded into its B matrices."""

    text_encoder_rank: Annotated[int, Field(ge=1)] | None = None
    """Of the text encoders' adapters, where it is not ``rank``."""

    trigger_word: str

    resolution: Annotated[int, Field(ge=64)]

    weights: RelativePath = "pytorch_lora_weights.safetensors"
    """The diffusers file, beside this manifest."""

    weights_sha256: Sha256


class GateCandidate(Document):
    """What a few quick pictures say of the weights after one step."""

    step: Annotated[int, Field(ge=1)]

    passed: bool
    """Whether they miss no floor."""

    identity: float | None

    prompt_following: float | None

    class_drift: float | None


class GateReport(Document):
    """What the judge measured, and whether it is enough."""

    passed: bool

    codes: tuple[Code, ...] = ()
    """The floors that were missed."""

    effect: float
    """Mean absolute change of the pictures, 0 to 1."""

    identity: float | None = None
    """Cosine of generated and held-out real photos."""

    identity_base: float | None = None
    """The same for the base without the adapter."""

    identity_photos: float | None = None
    """Cosine of real photos with one another: as alike as pictures can be."""

    prompt_following: float | None = None

    class_drift: float | None = None
    """Share of the class that was lost: to the subject's looks, or of its prompt-following."""

    candidates: tuple[GateCandidate, ...] = ()
    """The steps that were looked at, best first: the adapter holds the first one's weights. Empty:
    it holds the last step's."""


class TrainingMetrics(Document):
    """What the training cost and how it went."""

    steps: Annotated[int, Field(ge=0)]

    final_loss: float | None
    """Mean of the last tenth of the steps; absent when none was taken."""

    train_seconds: Annotated[float, Field(ge=0)]

    resumed_from_step: Annotated[int, Field(ge=0)] = 0

    partial: bool = False
    """Whether the plan's deadline, or a loss that was no number, came before the last step."""

    gradient_explosions: Annotated[int, Field(ge=0)] = 0
    """Steps whose gradient was more than ten times as long as ``max_grad_norm``."""

    diverged_at_step: Annotated[int, Field(ge=0)] | None = None
    """Where the loss was no number; the adapter is of the state that was saved before."""


class TrainingFailure(Document):
    """Why a task has no adapter."""

    code: Code

    message: str
    """For people; holds no user text."""


class TrainingResult(Document):
    """``checkpoints/<job_id>/result.json``: written last, so what it names is whole.

    SageMaker restores ``checkpoints/`` for every new attempt, so a trainer finds the result of an
    earlier one there: a succeeded result is kept as it is, a failed one is removed and tried again.
    """

    schema_version: Literal[1] = 1

    job_id: JobId

    training_job_name: str | None = None
    """``$TRAINING_JOB_NAME``, which SageMaker sets in the container: whose result this is. A failed
    result counts only for the training job that it names."""

    status: Literal["succeeded", "failed"]

    adapter: AdapterManifest | None = None

    files: dict[RelativePath, Sha256] = Field(default_factory=dict)
    """Everything that belongs to the result, relative to ``checkpoints/<job_id>/``."""

    metrics: TrainingMetrics | None = None

    gate: GateReport | None = None

    photos: tuple[PhotoVerdict, ...] = ()

    failure: TrainingFailure | None = None


class TrainedAdapter(Document):
    """What TrainAdapter hands on, through the execution's state."""

    schema_version: Literal[1] = 1

    job_id: JobId

    training_job_name: str

    result_uri: S3Uri
    """The TrainingResult; its folder holds the files."""

    result_sha256: Sha256
