"""TrainingRequest: the content of ``request.json``. Names are diffusers'."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts.document import NumbersDocument
from contracts.documents.upload.consent import Consent
from contracts.documents.upload.grid import SweepGrid
from contracts.documents.upload.options import TrainingOptions
from contracts.documents.upload.photo_options import PhotoOptions
from contracts.documents.upload.run import RunOptions
from contracts.documents.upload.subject import (
    FIRST,
    Prompt,
    Subject,
    TriggerWord,
    problem_among,
    problem_with_prompts,
    with_first_subject,
)
from contracts.shared.limits import (
    MAX_ALPHA,
    MAX_CLASS_IMAGES,
    MAX_COST_USD,
    MAX_LEARNING_RATE,
    MAX_RANK,
    MAX_SAMPLE_PROMPTS,
    MAX_SIDE,
    MAX_SUBJECTS,
    MAX_TRAIN_STEPS,
    MIN_SIDE,
    SIDE_STEP,
)
from contracts.shared.words.prompts import DEFAULT_TRIGGER_WORD

IMPORT_FIELDS = frozenset(
    {
        *("schema_version", "instance_prompt", "class_prompt", "trigger_word", "sample_prompts"),
        *("resolution", "seed", "mixed_precision", "max_cost_usd", "run", "dry_run"),
        *("consent", "idempotency_key", "adapter_file", "lora_alpha"),
    }
)
"""Fields that mean something for a LoRA that another tool has trained."""

AdapterFile = Annotated[
    str, StringConstraints(pattern=r"^[^/\\\x00-\x1f\x7f]{1,120}\.safetensors$", max_length=140)
]
"""The user's name for a file in the upload's own folder: data, never part of a key we make."""


class TrainingRequest(PhotoOptions, TrainingOptions, NumbersDocument):
    """What to train and how. Every field has a default except the two prompts."""

    schema_version: Literal[1] = 1

    instance_prompt: Prompt
    """Describes the subject, which the trigger word or a placeholder names: ``a photo of sks
    person`` or ``a photo of TOK person``."""

    class_prompt: Prompt
    """Describes the class without the trigger word, e.g. ``a photo of a person``."""

    with_prior_preservation: bool = True
    """Also train on class images, so that other members of the class do not become the subject."""

    prior_loss_weight: Annotated[float, Field(ge=0, le=10)] | None = None
    """Weight of the loss on class images; absent: the base's default."""

    num_class_images: Annotated[int, Field(ge=0, le=MAX_CLASS_IMAGES)] = 200
    """Number of class images; drawn once for a class prompt and shared between trainings."""

    max_train_steps: Annotated[int, Field(ge=1, le=MAX_TRAIN_STEPS)] | None = None
    """Optimiser steps; absent: computed from the number of photos."""

    train_batch_size: Annotated[int, Field(ge=1, le=64)] | None = None
    """Photos in one batch; absent: the base's default."""

    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """Peak learning rate of the UNet's adapter, at most 0.1; absent: the base's default. With
    prodigy it is a factor; absent: 1."""

    train_text_encoder: bool | None = None
    """Also train adapters for the text encoders; absent: the base's default."""

    text_encoder_lr: Annotated[float, Field(gt=0, le=1)] | None = None
    """Peak learning rate of the text encoders' adapters, at most 0.1; absent: the base's default,
    or ``learning_rate`` if it has none. With prodigy it must equal ``learning_rate``."""

    rank: Annotated[int, Field(ge=1, le=MAX_RANK)] | None = None
    """Rank of the adapter; absent: the base's default."""

    lora_alpha: Annotated[float, Field(gt=0, le=MAX_ALPHA)] | None = None
    """The adapter is scaled by alpha / rank; absent: equal to ``rank``. With ``adapter_file`` it is
    the alpha of layers whose alpha the file does not say, as PEFT's files."""

    resolution: Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP)] | None = None
    """Side of the training images in pixels; absent: the base's resolution."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    trigger_word: TriggerWord = DEFAULT_TRIGGER_WORD
    """Rare words that name the subject in prompts: 2 to 24 letters of any script, digits, ``_``,
    ``-``, and single spaces inside; kept in Unicode's composed form."""

    subjects: Annotated[tuple[Subject, ...], Field(max_length=MAX_SUBJECTS)] = ()
    """Several people or things in one adapter, each with its own trigger word, prompts, folder of
    photos and consent. ``trigger_word``, ``instance_prompt`` and ``class_prompt`` are then the
    first one's. Empty: the request describes the only subject."""

    sample_prompts: Annotated[tuple[Prompt, ...], Field(max_length=MAX_SAMPLE_PROMPTS)] = ()
    """Prompts of the pictures that are drawn after training and delivered with the model."""

    max_cost_usd: Annotated[float, Field(gt=0, le=MAX_COST_USD)] | None = None
    """Largest cost of the training. A higher estimate is refused; a training that takes longer
    than this pays for ends early with what was learnt."""

    preset: Literal["face", "object", "style"] | None = None
    """What the photos show; fills fields without another source (domain/requests/presets.py)."""

    sweep: SweepGrid | None = None
    """Train once for each combination of this grid, and publish the best; docs/sweep.md."""

    run: RunOptions | None = None
    """What the training job runs on, and for how long, within what the stack allows."""

    adapter_file: AdapterFile | None = None
    """A LoRA in the upload that another tool has trained: it is checked and published, and nothing
    is trained; docs/import.md."""

    dry_run: bool = False
    """Answer with the verdicts and the estimate of time and cost; train nothing."""

    consent: Consent | None = None
    """Consent to the use of the photos; required where the stack says so."""

    on_reject: Literal["continue", "fail"] = "continue"
    """What to do about a photo that cannot be used: train without it, or fail."""

    idempotency_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = (
        None
    )
    """Another key trains the same content again; absent: the same content is trained once."""

    @model_validator(mode="before")
    @classmethod
    def _first_subject(cls, given: Any) -> Any:  # noqa: ANN401 - JSON
        return with_first_subject(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _subjects_differ(self) -> "TrainingRequest":
        if not self.subjects:
            return self
        problem = problem_among(self.subjects)
        if len(self.subjects) == 1:
            problem = "subjects: one subject is described by the request itself"
        if any(getattr(self, name) != getattr(self.subjects[0], name) for name in FIRST):
            problem = f"{', '.join(FIRST)}: remove them, or repeat those of the first of subjects"
        if self.consent is not None:
            problem = "consent: with subjects, each of them has its own"
        problem = problem or problem_with_prompts(self.sample_prompts, self.subjects)
        if problem is not None:
            raise ValueError(problem)
        return self

    @property
    def class_prompts(self) -> tuple[str, ...]:
        """Every class prompt once, in the order of the subjects."""
        prompts = [subject.class_prompt for subject in self.subjects] or [self.class_prompt]
        return tuple(dict.fromkeys(prompts))

    @property
    def trigger_words(self) -> tuple[str, ...]:
        """The trigger word of every subject."""
        return tuple(one.trigger_word for one in self.subjects) or (self.trigger_word,)

    def of_each(self) -> "tuple[TrainingRequest, ...]":
        """Return the request as each subject's own: what is said of one subject holds for it."""
        own = (*FIRST, "consent")
        return tuple(
            self.model_copy(update={"subjects": (), **{name: getattr(one, name) for name in own}})
            for one in self.subjects
        ) or (self,)

    def without_consents(self) -> "TrainingRequest":
        """Return the request without anybody's consent."""
        others = tuple(one.model_copy(update={"consent": None}) for one in self.subjects)
        return self.model_copy(update={"consent": None, "subjects": others})

    @model_validator(mode="after")
    def _import_trains_nothing(self) -> "TrainingRequest":
        if self.adapter_file is None:
            return self
        for name, field in type(self).model_fields.items():
            if name not in IMPORT_FIELDS and getattr(self, name) != field.get_default(
                call_default_factory=True
            ):
                message = f"{name} has no effect with adapter_file: nothing is trained"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _rates_agree(self) -> "TrainingRequest":
        tried = () if self.sweep is None else self.sweep.learning_rate or ()
        if self.optimizer == "prodigy":
            factors = tried or (1.0 if self.learning_rate is None else self.learning_rate,)
            if self.text_encoder_lr is not None and {*factors} != {self.text_encoder_lr}:
                message = "text_encoder_lr must equal learning_rate with optimizer prodigy"
                raise ValueError(message)
            return self
        rates = {
            "learning_rate": max([self.learning_rate or 0, *tried]),
            "text_encoder_lr": self.text_encoder_lr or 0,
        }
        for field, rate in rates.items():
            if rate > MAX_LEARNING_RATE:
                message = f"{field} is at most {MAX_LEARNING_RATE} with optimizer {self.optimizer}"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _sweep_agrees(self) -> "TrainingRequest":
        tried = {} if self.sweep is None else self.sweep.lists()
        for field in tried:
            if getattr(self, field) is not None:
                message = f"{field} is given twice: once for all trials, and as a list in sweep"
                raise ValueError(message)
        if "max_train_steps" in tried and self.num_train_epochs is not None:
            message = "num_train_epochs has no effect with max_train_steps in sweep"
            raise ValueError(message)
        return self

    def _useless_options(self) -> list[tuple[str, str]]:
        useless = super()._useless_options()
        useless += [(field, f"without {needed}") for field, needed in self._useless()]
        if self.train_text_encoder is False:
            of_encoder = ("text_encoder_lr", "text_encoder_rank", "text_encoder_alpha")
            useless += [(field, "without train_text_encoder") for field in of_encoder]
        return useless

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingRequest":
        if self.with_prior_preservation and self.num_class_images == 0:
            message = "with_prior_preservation needs num_class_images of at least 1"
            raise ValueError(message)
        return self
