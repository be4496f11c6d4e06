"""Keys of the models bucket: what is asked, trained, published and known of each model.

The files of a training job are named in ``container``: SageMaker copies them here.
"""

import re

from contracts.shared.layout.container import (
    ADAPTER_FOLDER,
    CLASS_IMAGES_FOLDER,
    PLAN_FILE,
    PROGRESS_FILE,
    RESULT_FILE,
    SAMPLES_FOLDER,
    STATE_FOLDER,
)

# --- the documents of a job ---------------------------------------------------------------------


def job_prefix(job_id: str) -> str:
    """Prefix of the documents of one job."""
    return f"jobs/{job_id}/"


def accepted_upload_key(job_id: str) -> str:
    """Key of AcceptedUpload."""
    return f"{job_prefix(job_id)}accepted.json"


def photo_report_key(job_id: str) -> str:
    """Key of PhotoReport."""
    return f"{job_prefix(job_id)}photo_report.json"


def inspection_progress_key(job_id: str) -> str:
    """Key of InspectionProgress: how far an inspection is that may end before its report."""
    return f"{job_prefix(job_id)}inspection.json"


def sweep_report_key(job_id: str) -> str:
    """Key of SweepReport, for a request with a grid."""
    return f"{job_prefix(job_id)}sweep.json"


def problems_prefix(tenant: str) -> str:
    """Prefix of the RequestProblems of a tenant's uploads."""
    return f"problems/{tenant}/"


def problems_key(tenant: str, upload: str) -> str:
    """Key of RequestProblems: why the upload's newest request was refused."""
    return f"{problems_prefix(tenant)}{upload}.json"


# --- a training job, by the id of its plan ------------------------------------------------------

TRAINING_PREFIX = "training/"
"""Prefix of all training jobs; the id of a plan follows it."""


def plan_prefix(plan_id: str) -> str:
    """Prefix of the ``plan`` channel."""
    return f"{TRAINING_PREFIX}{plan_id}/plan/"


def plan_key(plan_id: str) -> str:
    """Key of TrainingPlan; it is alone in its folder, which is the ``plan`` channel."""
    return f"{plan_prefix(plan_id)}{PLAN_FILE}"


def photos_manifest_key(plan_id: str) -> str:
    """Key of SageMaker's ManifestFile for the ``photos`` channel."""
    return f"{TRAINING_PREFIX}{plan_id}/photos.manifest"


def base_manifest_key(plan_id: str) -> str:
    """Key of SageMaker's ManifestFile for the ``base`` channel of a base with a refiner."""
    return f"{TRAINING_PREFIX}{plan_id}/base.manifest"


def class_images_manifest_key(plan_id: str) -> str:
    """Key of SageMaker's ManifestFile for the ``prior`` channel."""
    return f"{TRAINING_PREFIX}{plan_id}/priors.manifest"


def states_manifest_key(plan_id: str) -> str:
    """Key of SageMaker's ManifestFile for the ``state`` channel."""
    return f"{TRAINING_PREFIX}{plan_id}/states.manifest"


def checkpoints_prefix(plan_id: str) -> str:
    """Prefix in CheckpointConfig's S3Uri: SageMaker mirrors ``/opt/ml/checkpoints`` there."""
    return f"{TRAINING_PREFIX}{plan_id}/checkpoints/"


def state_prefix(plan_id: str, job_id: str) -> str:
    """Prefix of a task's checkpoints while it is trained; with a sweep's rung they stay."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{STATE_FOLDER}/"


def result_key(plan_id: str, job_id: str) -> str:
    """Key of a task's TrainingResult."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{RESULT_FILE}"


def progress_key(plan_id: str, job_id: str) -> str:
    """Key of a task's TrainingProgress."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{PROGRESS_FILE}"


def samples_prefix(plan_id: str, job_id: str) -> str:
    """Prefix of the images that a task draws every ``validation_steps`` while it trains."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{ADAPTER_FOLDER}/{SAMPLES_FOLDER}/"


def sample_file(step: int, number: int) -> str:
    """Return the name of an image of ``samples_prefix``."""
    return f"step-{step:06d}-{number:02d}.png"


def step_of_sample(name: str) -> int | None:
    """Return the step of an image of ``samples_prefix``; None for another file.

    >>> step_of_sample(sample_file(150, 1)), step_of_sample("sheet.png")
    (150, None)
    """
    found = re.fullmatch(r"step-([0-9]{6})-[0-9]{2}\.png", name)
    return None if found is None else int(found[1])


def made_class_images_prefix(plan_id: str, key: str) -> str:
    """Prefix of class images that a training job has made."""
    return f"{checkpoints_prefix(plan_id)}{CLASS_IMAGES_FOLDER}/{key}/"


def tensorboard_prefix(plan_id: str) -> str:
    """Prefix of the TensorBoard event files of a plan's tasks."""
    return f"{TRAINING_PREFIX}{plan_id}/tensorboard/"


def training_output_prefix(plan_id: str) -> str:
    """Prefix in OutputDataConfig's S3OutputPath."""
    return f"{TRAINING_PREFIX}{plan_id}/output/"


# --- class images for later training jobs -------------------------------------------------------

CLASS_IMAGES_PREFIX = "priors/"
"""Prefix of all sets of class images."""


def class_images_prefix(key: str) -> str:
    """Prefix of one ClassImageSet and its file."""
    return f"{CLASS_IMAGES_PREFIX}{key}/"


# --- published models ---------------------------------------------------------------------------


def staging_key(job_id: str) -> str:
    """Key of a package that is not published yet."""
    return f"staging/{job_id}.tar.gz"


ENDPOINT_PREFIX = "endpoint/"
"""Prefix in the endpoint's ModelDataUrl; the TargetModel follows it."""


# --- markers, which the servers of the endpoint list every few seconds, and the days of use -----

ERASED_PREFIX = "erased/"
"""Prefix of the markers of erased models."""


def erased_model_key(job_id: str) -> str:
    """Key of the empty object that tells every server of the endpoint to forget a model."""
    return f"{ERASED_PREFIX}{job_id}"


DISABLED_PREFIX = "disabled/"
"""Prefix of the markers of models that a takedown has disabled."""


def disabled_model_key(job_id: str) -> str:
    """Key of an empty object: while it is there, no server draws with the model."""
    return f"{DISABLED_PREFIX}{job_id}"


ALLOWED_PREFIX = "allowed/"
"""Prefix of the markers of texts that a granted appeal lets through."""


def allowed_prefix(owner: str) -> str:
    """Prefix of the texts of a tenant that are let through; ``owner`` is its hash."""
    return f"{ALLOWED_PREFIX}{owner}."


def allowed_key(marker: str) -> str:
    """Key of an empty object: while it is there, a refused text is let through."""
    return f"{ALLOWED_PREFIX}{marker}"


USED_PREFIX = "used/"
"""Prefix of the days on which models were used last; servers write there once a day."""


def used_key(job_id: str) -> str:
    """Key of the object with the last day on which a server has answered with a model."""
    return f"{USED_PREFIX}{job_id}"


# --- receipts of erasures -----------------------------------------------------------------------


def receipt_key(erasure_id: str) -> str:
    """Key of SignedReceipt."""
    return f"receipts/{erasure_id}.json"
