"""TrainingPlan: the content of a SageMaker training job. TrainingResult: the outcome of a task."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.base import Architecture, PredictionType
from contracts.document import Document, JobId, PlanId, RelativePath, S3Uri, Sha256
from contracts.documents.class_images import ClassImageOrder
from contracts.documents.photos import Code, PhotoVerdict, StoredFile
from contracts.documents.rung import Rung
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_REPEATS, MAX_SUBJECTS
from contracts.shared.pictures.classifier import DEFAULT_LABELS, DEFAULT_THRESHOLD


class TaskPhoto(Document):
    """One accepted photo, for the trainer."""

    index: Annotated[int, Field(ge=0)]

    file: RelativePath
    """Path in the ``photos`` channel: ``<job_id>/<NNN>.png``."""

    sha256: Sha256

    caption: str | None = None

    mask: StoredFile | None = None
    """Mask of the photo's size, in the ``photos`` channel: ``<job_id>/<NNN>.mask.png``."""

    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = 1
    """Number of times that the photo comes in an epoch, times the request's ``repeats``."""

    subject: Annotated[int, Field(ge=0, lt=MAX_SUBJECTS)] = 0
    """Index in the request's ``subjects`` of the one that it shows; 0 where there is only one."""


class TaskMarks(Document):
    """How the trainer marks what a task draws; see contracts/shared/pictures/mark_keys.py."""

    watermark_key: str
    """Base64 of the key of the watermarks of all trainings."""

    signing_key: str
    """Base64 of the key that signs as this task's job, and as no other."""

    watermark: bool = True

    credentials: bool = True

    label: Annotated[str, Field(max_length=64)] = ""
    """Visible text; empty: none."""


class TrainingTask(Document):
    """One user's adapter to train."""

    job_id: JobId

    request: TrainingRequest

    photos: tuple[TaskPhoto, ...]
    """At least one, unless ``adapter`` is given."""

    class_photos: tuple[StoredFile, ...] = ()
    """The user's pictures of the class, in the ``photos`` channel: ``<job_id>/class/<NNN>.png``.
    They replace class images that the base would draw."""

    captions: RelativePath | None = None
    """PhotoCaptions in the ``photos`` channel: ``<job_id>/captions/captions.json``. Absent: the
    training job describes photos itself where the request asks for it."""

    adapter: StoredFile | None = None
    """A LoRA that another tool has trained, in the ``photos`` channel; it is converted and judged,
    and nothing is trained. Absent: the photos are trained."""

    rung: Rung | None = None
    """The part of a trial's training that this task is; absent: the task trains all steps."""

    marks: TaskMarks | None = None
    """How sample pictures and the contact sheet are marked; absent: in a plan of an earlier
    version, whose pictures get the metadata only."""

    @model_validator(mode="after")
    def _has_a_source(self) -> "TrainingTask":
        if bool(self.photos) == (self.adapter is not None):
            message = "a task has photos, or else an adapter"
            raise ValueError(message)
        return self


class PictureSafety(Document):
    """The stages that look at what a training draws for people, as at the endpoint's pictures."""

    checker: bool = False
    """Whether diffusers' safety checker is in the ``safety_checker`` channel."""

    adjustment: float = 0.0
    """Added to each concept's score; above 0 the checker flags more pictures."""

    content_filter: bool = False
    """Whether a content filter is in the ``content_filter`` channel."""

    labels: str = DEFAULT_LABELS
    """The labels that it refuses, with commas between."""

    threshold: Annotated[float, Field(ge=0, le=1)] = DEFAULT_THRESHOLD
    """Probability of these labels together from which on a picture is withheld."""


class TrainingPlan(Document):
    """``plan.json``, the ``plan`` channel: the tasks of one training job, run in this order."""

    schema_version: Literal[1] = 1

    plan_id: PlanId

    base_sha256: Sha256
    """Hash of the base that must be in the ``base`` channel."""

    tasks: tuple[TrainingTask, ...]

    class_images: tuple[ClassImageOrder, ...] = Field(default=(), alias="priors")
    """Sets of class images to make before the first task; a plan may consist of these alone."""

    shares: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Number of tasks of each instance, in the order of ``tasks``, when the training job has
    several instances; empty: it has one, or the tasks are dealt out to the instances in turn."""

    deadline_seconds: Annotated[int, Field(ge=60)] | None = None
    """Seconds after which the trainer saves, exports and stops; absent: SageMaker's limit."""

    safety: PictureSafety | None = None
    """Absent: the stack has named no stage."""

    captions_only: bool = False
    """Whether the photos of the only task are described and nothing is trained: CaptionPhotos."""

    @model_validator(mode="after")
    def _has_work(self) -> "TrainingPlan":
        if not self.tasks and not self.class_images:
            message = "a plan needs tasks or class images"
            raise ValueError(message)
        if self.shares and sum(self.shares) != len(self.tasks):
            message = "the shares of the instances are not all tasks"
            raise ValueError(message)
        if self.captions_only and len(self.tasks) != 1:
            message = "captions are written for one task"
            raise ValueError(message)
        return self


class AdapterManifest(Document):
    """``adapter/manifest.json``: what the weights are, and for which base."""

    schema_version: Literal[1] = 1

    job_id: JobId

    base_id: str

    base_revision: str

    base_sha256: Sha256

    family: Architecture

    prediction_type: PredictionType

    rank: Annotated[int, Field(ge=1)]

    lora_alpha: Annotated[float, Field(gt=0)]
    """Alpha of the training. In the diffusers file, the B matrices are scaled by alpha / rank."""

    text_encoder_rank: Annotated[int, Field(ge=1)] | None = None
    """Rank of the text encoders' adapters; absent: ``rank``."""

    trigger_word: str

    trigger_words: tuple[str, ...] = ()
    """The trigger word of each subject, where there are several; the first is ``trigger_word``."""

    resolution: Annotated[int, Field(ge=64)]

    weights: RelativePath = "pytorch_lora_weights.safetensors"
    """Name of the diffusers file beside this manifest."""

    weights_sha256: Sha256


class GateCandidate(Document):
    """The evaluation of one checkpoint with a few quick pictures."""

    step: Annotated[int, Field(ge=1)]

    passed: bool
    """Whether the checkpoint reaches every threshold."""

    identity: float | None

    prompt_following: float | None

    class_drift: float | None


class RankedPicture(Document):
    """A picture that the gate drew with the adapter, and how it compares with the photos."""

    row: Annotated[int, Field(ge=1)]
    """Row on ``samples.png``, whose second column shows it."""

    file: RelativePath | None = None
    """File in the adapter's folder; absent: the picture is on ``samples.png`` alone."""

    identity: float | None = None
    """Mean cosine similarity with the photos; 0 when nobody is recognised on the picture, absent
    without a judge."""

    photo_similarity: float | None = None
    """Similarity of its edges with those of the nearest photo that was learnt, -1 to 1; 1 is a
    copy."""


class Scores(Document):
    """What the gate measures of one subject or of an adapter, and whether thresholds are met."""

    passed: bool

    codes: tuple[Code, ...] = ()
    """Codes of the thresholds that were missed."""

    effect: float
    """Mean absolute change of the pictures, 0 to 1."""

    identity: float | None = None
    """Cosine similarity of generated pictures and held-out photos."""

    identity_base: float | None = None
    """The same similarity for the base without the adapter."""

    identity_photos: float | None = None
    """Cosine similarity of the photos with one another: the highest value to expect."""

    prompt_following: float | None = None

    class_drift: float | None = None
    """Share of the class that was lost: to the subject, or in prompt following."""

    photo_similarity: float | None = None
    """The largest ``photo_similarity`` of a picture."""


class SubjectScores(Scores):
    """The scores of one of several subjects."""

    trigger_word: str

    identity_other: float | None = None
    """Cosine similarity of its pictures and the photos of the other subject that they are most
    like; it must be below ``identity``."""


class GateReport(Scores):
    """The scores of an adapter; of several subjects, each score is that of the worst one."""

    identity_held_out: bool | None = None
    """Whether the photos that likeness was measured on were kept from training; null in results
    from before 2026-12."""

    ranking: tuple[RankedPicture, ...] = ()
    """The pictures of the subject and of the sample prompts, those most like the photos first."""

    subjects: tuple[SubjectScores, ...] = ()
    """The scores of each subject, where there are several, in the request's order."""

    withheld: Annotated[int, Field(ge=0)] | None = None
    """Pictures of this gate that the safety stages have withheld: they are grey on ``samples.png``
    and in their files. Absent: the stack has named no stage."""

    content_score: float | None = None
    """The largest probability that the content filter gave one of them; absent: it was not asked.
    """

    candidates: tuple[GateCandidate, ...] = ()
    """The checkpoints that were evaluated, best first; the adapter has the first one's weights.
    Empty: the adapter has the last step's weights."""


class TrainingMetrics(Document):
    """Figures of the training."""

    steps: Annotated[int, Field(ge=0)]

    images: Annotated[int, Field(ge=0)] | None = None
    """Images that went through the networks, class images included; the cost of a shared training
    job is split by it. Absent in results from before 2026-12."""

    final_loss: float | None
    """Mean loss over the last tenth of the steps; null when no step was taken."""

    train_seconds: Annotated[float, Field(ge=0)]

    repeated_steps: Annotated[int, Field(ge=0)] = 0
    """Steps that the sweep's rungs before had trained, and that this job trained again because
    their checkpoint was gone."""

    resumed_from_step: Annotated[int, Field(ge=0)] = 0

    partial: bool = False
    """Whether the deadline, a loss that was not a number or a sweep's rung ended it early."""

    gradient_explosions: Annotated[int, Field(ge=0)] = 0
    """Steps whose gradient norm was more than ten times ``max_grad_norm``."""

    diverged_at_step: Annotated[int, Field(ge=0)] | None = None
    """Step at which the loss was not a number; the adapter comes from the checkpoint before it."""


class CurvePoint(Document):
    """What was measured after one step, under the names of MetricDefinitions."""

    step: Annotated[int, Field(ge=0)]

    values: dict[str, float]
    """``loss``, ``learning_rate``, ``grad_norm``, ``images_per_second``; with validation images
    ``sample_identity`` and ``sample_prompt_following`` too. Of steps before an interruption only
    the loss is known."""


class TrainingFailure(Document):
    """Why a task has no adapter."""

    code: Code

    message: str
    """Text for people; contains no user text."""


class TrainingResult(Document):
    """``checkpoints/<job_id>/result.json``: written last, so the files that it names are complete.

    SageMaker restores ``checkpoints/`` for every new attempt, so the trainer finds the result of an
    earlier attempt there. A succeeded result is kept; a failed one is removed and tried again.
    """

    schema_version: Literal[1] = 1

    job_id: JobId

    training_job_name: str | None = None
    """The training job that wrote the result: ``$TRAINING_JOB_NAME``, which SageMaker sets in the
    container. A failed result counts only for the training job that it names."""

    status: Literal["succeeded", "failed"]

    adapter: AdapterManifest | None = None

    files: dict[RelativePath, Sha256] = Field(default_factory=dict)
    """Path and SHA-256 of each file of the result; paths start at ``checkpoints/<job_id>/``."""

    metrics: TrainingMetrics | None = None

    gate: GateReport | None = None

    photos: tuple[PhotoVerdict, ...] = ()

    curve: tuple[CurvePoint, ...] = ()
    """About a hundred points of the training. Empty: nothing was trained, or the result is from
    before 2026-12."""

    failure: TrainingFailure | None = None


class PhotosCaptioned(Document):
    """Answer of CaptionPhotos: the captions are beside the photos."""

    schema_version: Literal[1] = 1

    job_id: JobId

    training_job_name: str


class TrainedAdapter(Document):
    """Answer of TrainAdapter; part of the execution's state."""

    schema_version: Literal[1] = 1

    job_id: JobId

    training_job_name: str

    result_uri: S3Uri
    """URI of the TrainingResult; its folder has the files."""

    result_sha256: Sha256
