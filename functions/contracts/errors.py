"""The failures a stage reports on purpose: the workflow's vocabulary.

Step Functions hears only the bare class name (the Lambda runtime sends ``type(exc).__name__``) and
compares it as text, so inheritance means nothing to ``ErrorEquals``.
tests/contract/test_error_names.py keeps these classes and statemachine/ in step.
"""

import json
from typing import ClassVar


class StageError(Exception):
    """Base for Python code only; the workflow never names it.

    Its text is JSON, so that NotifyFailure can read the facts out of Step Functions' Cause. Facts
    are numbers and our own words; never a user's text.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, **facts: float | str) -> None:
        self.facts = {"code": self.code, **facts}
        super().__init__(json.dumps(self.facts, sort_keys=True))


class StageInputError(StageError):
    """A stage was called with something else than its document. Final: a fault of ours."""


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
    """The stack asks for a consent that the request does not bring. Final: the owner must ask."""

    code = "consent_missing"


class DecoderBrokenError(StageError):
    """The photo decoder did not work: a fault of the runtime and of no photo. Tried again."""

    retryable = True


class TooFewPhotosError(StageError):
    """Fewer usable photos than training needs. Final: the owner must add some."""

    code = "too_few_photos"


class PhotosRefusedError(StageError):
    """A photo was refused and the request says that all must pass. Final."""

    code = "photos_refused"


class TooManyPhotosError(StageError):
    """More photos than one upload may hold. Final: the owner must remove some."""

    code = "too_many_photos"


class TooExpensiveError(StageError):
    """The training is estimated dearer than ``max_cost_usd``. Final: the owner must decide."""

    code = "too_expensive"


class JobCanceledError(StageError):
    """Somebody asked to stop this job. Final; a redrive takes it up again."""

    code = "canceled"


class TrainingFailedError(StageError):
    """The trainer gave up on this task and said why. Final for this job."""

    code = "training_failed"


class GateFailedError(StageError):
    """The adapter is not like its subject, or breaks its class. Final: other photos may help."""

    code = "gate_failed"


class SweepFailedError(StageError):
    """No point of a sweep has an adapter that passed the gate. Final."""

    code = "sweep_failed"


class AdapterInvalidError(StageError):
    """The trained files do not match their manifest. Final: nothing is published."""

    code = "adapter_invalid"


class ModelNotReadyError(StageError):
    """The endpoint is still loading the model, or is out of memory for a moment. Tried again."""

    code = "model_not_ready"
    retryable = True


class WarmUpFailedError(StageError):
    """The endpoint answered, but not with a valid picture from this adapter. Final."""

    code = "warm_up_failed"


class EndpointMissingError(StageError):
    """There is no endpoint to warm. Final: an operator must create it, then redrive."""

    code = "endpoint_missing"


class EndpointStartingError(StageError):
    """The endpoint is being started, for this model among others. Tried again."""

    code = "endpoint_starting"
    retryable = True
