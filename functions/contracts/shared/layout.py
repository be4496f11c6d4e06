"""Where every document lies, in the two buckets and the containers. Nothing else spells a key."""

# --- the uploads bucket: personal photos, expired by a lifecycle rule ---------------------------


def upload_prefix(tenant: str, upload: str) -> str:
    """Where a client puts its photos and, last, ``request.json``."""
    return f"tenants/{tenant}/uploads/{upload}/"


def pictures_prefix(tenant: str, answer: str) -> str:
    """Where a client keeps what it asked for and the pictures that it got."""
    return f"tenants/{tenant}/pictures/{answer}/"


def picture_file(index: int, extension: str) -> str:
    """File name of picture ``index`` of one answer."""
    return f"{index:03d}.{extension}"


PICTURES_FILE = "pictures.json"
"""StoredPictures. Not ``request.json``, whose arrival starts a training."""


REQUEST_FILE = "request.json"
"""Its arrival starts the workflow."""


ACCEPTED_PREFIX = "accepted/"
"""Of every job's normalised photos."""


def unpacked_prefix(tenant: str, upload: str) -> str:
    """Files out of an upload's archives, numbered: names in an archive are not to be trusted."""
    return f"unpacked/{tenant}/{upload}/"


def accepted_prefix(job_id: str) -> str:
    """Normalised copies of the photos that passed; named by index, so no user's name travels on."""
    return f"{ACCEPTED_PREFIX}{job_id}/"


def accepted_photo_file(index: int) -> str:
    """File name of the copy of photo ``index``."""
    return f"{index:03d}.png"


def accepted_mask_file(index: int) -> str:
    """File name of the mask that came with photo ``index``."""
    return f"{index:03d}.mask.png"


def accepted_class_file(index: int) -> str:
    """File name of the copy of picture ``index`` of the class."""
    return f"class/{index:03d}.png"


# --- the models bucket ----------------------------------------------------------------------


def accepted_upload_key(job_id: str) -> str:
    """AcceptedUpload."""
    return f"jobs/{job_id}/accepted.json"


def photo_report_key(job_id: str) -> str:
    """PhotoReport."""
    return f"jobs/{job_id}/photo_report.json"


def sweep_report_key(job_id: str) -> str:
    """SweepReport, of a request with a grid."""
    return f"jobs/{job_id}/sweep.json"


def problems_key(tenant: str, upload: str) -> str:
    """RequestProblems: why this upload's newest request was refused."""
    return f"problems/{tenant}/{upload}.json"


def plan_key(plan_id: str) -> str:
    """TrainingPlan, alone in its folder: the folder is the ``plan`` channel."""
    return f"training/{plan_id}/plan/{PLAN_FILE}"


def photos_manifest_key(plan_id: str) -> str:
    """SageMaker's ManifestFile for the ``photos`` channel."""
    return f"training/{plan_id}/photos.manifest"


def checkpoints_prefix(plan_id: str) -> str:
    """CheckpointConfig's S3Uri: mirrors ``/opt/ml/checkpoints`` while the job runs."""
    return f"training/{plan_id}/checkpoints/"


def tensorboard_prefix(plan_id: str) -> str:
    """Event files of all tasks of a plan."""
    return f"training/{plan_id}/tensorboard/"


def result_key(plan_id: str, job_id: str) -> str:
    """TrainingResult of one task."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{RESULT_FILE}"


def progress_key(plan_id: str, job_id: str) -> str:
    """TrainingProgress of one task."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{PROGRESS_FILE}"


def made_prior_prefix(plan_id: str, key: str) -> str:
    """Where a training job leaves class images that it had to make."""
    return f"{checkpoints_prefix(plan_id)}{PRIORS_FOLDER}/{key}/"


PRIORS_PREFIX = "priors/"
"""Class images for every later training job."""


def prior_prefix(key: str) -> str:
    """One PriorSet and its file."""
    return f"{PRIORS_PREFIX}{key}/"


def priors_manifest_key(plan_id: str) -> str:
    """SageMaker's ManifestFile for the ``prior`` channel."""
    return f"training/{plan_id}/priors.manifest"


def base_prefix(base_id: str) -> str:
    """A base model's diffusers folder with its ``base.json``: the ``base`` channel."""
    return f"bases/{base_id}/"


def captioner_prefix(captioner_id: str) -> str:
    """A captioner's folder, in the bucket of base models: the ``captioner`` channel."""
    return f"captioners/{captioner_id}/"


def staging_key(job_id: str) -> str:
    """A package that is not published yet."""
    return f"staging/{job_id}.tar.gz"


ENDPOINT_PREFIX = "endpoint/"
"""The multi-model endpoint's ModelDataUrl; TargetModel names follow it."""


# --- the jobs table --------------------------------------------------------------------------


def upload_row(place: str) -> str:
    """Key of the row that points from ``<tenant>/<upload>`` to its job."""
    return f"upload#{place}"


# --- inside the training container, under /opt/ml ----------------------------------------------

PLAN_CHANNEL, PHOTOS_CHANNEL, BASE_CHANNEL = "plan", "photos", "base"
CAPTIONER_CHANNEL = "captioner"
"""Optional: the folder of a model that describes pictures."""
PRIOR_CHANNEL = "prior"
"""Absent where no set is ready."""
PLAN_FILE = "plan.json"
PRIOR_FILE = "prior.json"
PRIORS_FOLDER = "priors"
BASE_FILE = "base.json"
RESULT_FILE = "result.json"
PROGRESS_FILE = "progress.json"
ADAPTER_FOLDER = "adapter"
MANIFEST_FILE = "manifest.json"
DIFFUSERS_FILE = "pytorch_lora_weights.safetensors"
