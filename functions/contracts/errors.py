"""The failures that a stage raises on purpose: the workflow's vocabulary.

Step Functions receives only the bare class name (the Lambda runtime sends ``type(exc).__name__``)
and compares it as text, so inheritance means nothing to ``ErrorEquals``.
tests/contract/test_error_names.py keeps these classes and statemachine/ in step.
"""

import json
from typing import ClassVar


class StageError(Exception):
    """Base for Python code only; the workflow never names it.

    Its text is JSON, so that NotifyFailure can read the facts from Step Functions' Cause. A fact is
    a number or a fixed word; never a user's text.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, **facts: float | str) -> None:
        self.facts = {"code": self.code, **facts}
        super().__init__(json.dumps(self.facts, sort_keys=True))


class StageInputError(StageError):
    """The stage's input is not its document. Final: a fault of the code."""


class InvalidRequestError(StageError):
    """request.json is missing or not a TrainingRequest. Final: the owner must correct it."""

    code = "invalid_request"


class InvalidUploadError(StageError):
    """The object's key is not ``tenants/<tenant>/uploads/<upload>/request.json``. Final."""

    code = "invalid_upload"


class ArchiveRefusedError(StageError):
    """The upload's archive is damaged, too large or hostile. Final: the owner must repack it."""

    code = "archive_damaged"


class ConsentRefusedError(StageError):
    """The request lacks the consent that the stack requires. Final: the owner must ask."""

    code = "consent_missing"


class QuotaUsedUpError(StageError):
    """The tenant has used up a quota. Final: the owner waits and sends the request again."""

    code = "too_many_trainings"


class DecoderBrokenError(StageError):
    """The photo decoder or the face finder did not start: a fault of the runtime. Tried again."""

    retryable = True


class ClassifierUnusableError(StageError):
    """A classifier of photos is missing or no ViT. Final: the operator must put it right."""

    code = "classifier_unusable"


class TooFewPhotosError(StageError):
    """Fewer usable photos than training needs. Final: the owner must add some."""

    code = "too_few_photos"


class PersonsMixedError(StageError):
    """The photos show several people, and none of them on most photos. Final: the owner sorts."""

    code = "several_persons"


class PhotosTooSlowError(StageError):
    """Photos take too long to decode, and too few others are usable. Final: the owner acts."""

    code = "photos_too_slow"


class PhotosRefusedError(StageError):
    """A photo was refused and the request says that all must pass. Final."""

    code = "photos_refused"


class ImportRefusedError(StageError):
    """The LoRA of an import cannot be read, or is of a kind that cannot be served. Final."""

    code = "import_unreadable"


class TooManyPhotosError(StageError):
    """More photos than one upload may hold. Final: the owner must remove some."""

    code = "too_many_photos"


class TooExpensiveError(StageError):
    """The estimated cost is above ``max_cost_usd``. Final: the owner must decide."""

    code = "too_expensive"


class PriceUnknownError(StageError):
    """The request has ``max_cost_usd``, and the instance type has no price. Final.

    An operator must set the price; a redrive then continues the job.
    """

    code = "price_unknown"


class JobCanceledError(StageError):
    """The job was cancelled. Final; a redrive continues it."""

    code = "canceled"


class SubjectErasedError(StageError):
    """What the stage works on was erased, or is being erased. Final."""

    code = "erased"


class CaptioningFailedError(StageError):
    """The photos of a large set could not be described; the code says why. Final for this job."""

    code = "captioning_failed"


class TrainingFailedError(StageError):
    """The trainer could not train this task; the code says why. Final for this job."""

    code = "training_failed"


class GateFailedError(StageError):
    """The adapter did not pass the gate. Final: other photos or settings may help."""

    code = "gate_failed"


class SweepFailedError(StageError):
    """No trial of a sweep has an adapter that passed the gate. Final."""

    code = "sweep_failed"


class TrackerRefusedError(StageError):
    """MLflow did not take a run. Lambda tries again; no job waits for it."""


class AdapterInvalidError(StageError):
    """The trained files do not match their manifest. Final: nothing is published."""

    code = "adapter_invalid"


class ModelNotReadyError(StageError):
    """The endpoint is loading the model, or has no memory at the moment. Tried again."""

    code = "model_not_ready"
    retryable = True


class WarmUpFailedError(StageError):
    """The endpoint answered, but not with a valid picture from this adapter. Final."""

    code = "warm_up_failed"


class EndpointMissingError(StageError):
    """There is no endpoint. Final: an operator must create it, then redrive."""

    code = "endpoint_missing"


class EndpointStartingError(StageError):
    """The endpoint is being created. Tried again."""

    code = "endpoint_starting"
    retryable = True
