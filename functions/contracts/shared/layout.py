"""The key of every document in the buckets, and the paths in the containers.

No other module spells a key.
"""

import re
import unicodedata
from collections.abc import Iterable

# --- the uploads bucket: personal photos, expired by a lifecycle rule ---------------------------


def upload_prefix(tenant: str, upload: str) -> str:
    """Prefix of an upload: the client puts its photos there and, last, ``request.json``."""
    return f"tenants/{tenant}/uploads/{upload}/"


API_UPLOAD_BYTES = 12
"""Random bytes in the name of an upload that began over the HTTP API."""


API_ADAPTER_FILE = "000.safetensors"
"""Name of a LoRA in an upload of the HTTP API, where it is the only file; see ``adapter_file``."""


def is_of_api(upload: str) -> bool:
    """Return whether an upload's name is one of the HTTP API's: only its own call starts it.

    >>> is_of_api("0123456789abcdef01234567"), is_of_api("holiday-2026")
    (True, False)
    """
    return re.fullmatch(rf"[0-9a-f]{{{2 * API_UPLOAD_BYTES}}}", upload) is not None


def pictures_prefix(tenant: str, answer: str) -> str:
    """Prefix of one picture request and its pictures."""
    return f"tenants/{tenant}/pictures/{answer}/"


def picture_file(index: int, extension: str) -> str:
    """File name of picture ``index`` of one answer."""
    return f"{index:03d}.{extension}"


PICTURES_FILE = "pictures.json"
"""File name of StoredPictures. It must not be ``request.json``, which starts a training."""


ORDER_FILE = "order.json"
"""File name of PictureOrder, beside the pictures that were ordered through the HTTP API."""


REQUEST_FILE = "request.json"
"""File name of the request; its arrival starts the workflow."""


ACCEPTED_PREFIX = "accepted/"
"""Prefix of every job's normalised photos."""

OWN_FOLDERS = ("accepted", "answers", "exports", "takedowns", "tenants", "unpacked")
"""Folders at the root that are ours; any other is a client's, who knows no tenants."""


def tenant_prefix(tenant: str) -> str:
    """Prefix of everything that a tenant has put into the uploads bucket."""
    return f"tenants/{tenant}/"


def unpacked_tenant_prefix(tenant: str) -> str:
    """Prefix of the files from the archives of a tenant's uploads."""
    return f"unpacked/{tenant}/"


def tenant_pictures_prefix(tenant: str) -> str:
    """Prefix of a tenant's picture requests and pictures."""
    return f"{tenant_prefix(tenant)}pictures/"


def unpacked_prefix(tenant: str, upload: str) -> str:
    """Prefix of the files from an upload's archives; numbered, as names there are untrusted."""
    return f"unpacked/{tenant}/{upload}/"


def accepted_prefix(job_id: str) -> str:
    """Prefix of a job's normalised photos; they are named by index, without the user's names."""
    return f"{ACCEPTED_PREFIX}{job_id}/"


def accepted_photo_file(index: int) -> str:
    """File name of the normalised photo ``index``."""
    return f"{index:03d}.png"


def accepted_mask_file(index: int) -> str:
    """File name of the mask of photo ``index``."""
    return f"{index:03d}.mask.png"


CAPTIONS_FOLDER, CAPTIONS_FILE = "captions", "captions.json"
"""Folder beside a job's normalised photos, and the PhotoCaptions in it."""


def captions_prefix(job_id: str) -> str:
    """Prefix in the CheckpointConfig of the training job that describes the photos."""
    return f"{accepted_prefix(job_id)}{CAPTIONS_FOLDER}/"


def captions_in_channel(job_id: str) -> str:
    """Path of a job's PhotoCaptions in the ``photos`` channel."""
    return f"{job_id}/{CAPTIONS_FOLDER}/{CAPTIONS_FILE}"


def accepted_class_file(index: int) -> str:
    """File name of the normalised class picture ``index``."""
    return f"class/{index:03d}.png"


def answers_prefix(owner: str) -> str:
    """Prefix of a tenant's pictures that were too large for an answer of the endpoint.

    ``owner`` is the hash by which the endpoint knows the tenant: picture_places.tenant_hash.
    """
    return f"answers/{owner}/"


def answer_prefix(owner: str, job_ids: Iterable[str], name: str) -> str:
    """Prefix of one such answer.

    ``job_ids`` are all models that have drawn it, as an erased model's pictures are found by its
    id; ``name`` has 32 random digits.
    """
    return f"{answers_prefix(owner)}{'-'.join(sorted(job_ids)) or 'none'}/{name}/"


def takedown_prefix(case_id: str) -> str:
    """Prefix of a takedown's picture and report."""
    return f"{TAKEDOWNS_PREFIX}{case_id}/"


def appeal_key(tenant: str, appeal_id: str) -> str:
    """Key of the text that a tenant's appeal is about."""
    return f"{tenant_prefix(tenant)}appeals/{appeal_id}.json"


def exports_prefix(tenant: str) -> str:
    """Prefix of the archives with a tenant's data."""
    return f"exports/{tenant}/"


def export_key(tenant: str, export_id: str) -> str:
    """Key of one archive; an ending of archives would start a training."""
    return f"{exports_prefix(tenant)}{export_id}"


def export_name(export_id: str) -> str:
    """Name under which an archive is downloaded."""
    return f"{export_id}.zip"


TAKEDOWNS_PREFIX = "takedowns/"
TAKEDOWN_FILE = "original"
"""File name of the reported picture as it was sent; its arrival starts the look for marks."""
TAKEDOWN_PICTURE = "picture.png"
"""File name of the reported picture as it was decoded."""
TAKEDOWN_REPORT = "report.json"
"""File name of TakedownReport."""


IMPORTED_ADAPTER_FILE = "adapter.safetensors"
"""File name, beside where photos would be, of a LoRA that another tool has trained."""


# --- the models bucket ----------------------------------------------------------------------


def job_prefix(job_id: str) -> str:
    """Prefix of the documents of one job."""
    return f"jobs/{job_id}/"


def problems_prefix(tenant: str) -> str:
    """Prefix of the RequestProblems of a tenant's uploads."""
    return f"problems/{tenant}/"


def accepted_upload_key(job_id: str) -> str:
    """Key of AcceptedUpload."""
    return f"jobs/{job_id}/accepted.json"


def photo_report_key(job_id: str) -> str:
    """Key of PhotoReport."""
    return f"jobs/{job_id}/photo_report.json"


def inspection_progress_key(job_id: str) -> str:
    """Key of InspectionProgress: how far an inspection is that may end before its report."""
    return f"jobs/{job_id}/inspection.json"


def sweep_report_key(job_id: str) -> str:
    """Key of SweepReport, for a request with a grid."""
    return f"jobs/{job_id}/sweep.json"


def problems_key(tenant: str, upload: str) -> str:
    """Key of RequestProblems: why the upload's newest request was refused."""
    return f"problems/{tenant}/{upload}.json"


def plan_prefix(plan_id: str) -> str:
    """Prefix of the ``plan`` channel."""
    return f"training/{plan_id}/plan/"


def plan_key(plan_id: str) -> str:
    """Key of TrainingPlan; it is alone in its folder, which is the ``plan`` channel."""
    return f"{plan_prefix(plan_id)}{PLAN_FILE}"


def photos_manifest_key(plan_id: str) -> str:
    """Key of SageMaker's ManifestFile for the ``photos`` channel."""
    return f"training/{plan_id}/photos.manifest"


def checkpoints_prefix(plan_id: str) -> str:
    """Prefix in CheckpointConfig's S3Uri: SageMaker mirrors ``/opt/ml/checkpoints`` there."""
    return f"training/{plan_id}/checkpoints/"


TRAINING_PREFIX = "training/"
"""Prefix of what belongs to one plan each."""


def state_prefix(plan_id: str, job_id: str) -> str:
    """Prefix of a task's checkpoints while it is trained; with a sweep's rung they stay."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{STATE_FOLDER}/"


def states_manifest_key(plan_id: str) -> str:
    """Key of SageMaker's ManifestFile for the ``state`` channel."""
    return f"{TRAINING_PREFIX}{plan_id}/states.manifest"


def tensorboard_prefix(plan_id: str) -> str:
    """Prefix of the TensorBoard event files of a plan's tasks."""
    return f"training/{plan_id}/tensorboard/"


def result_key(plan_id: str, job_id: str) -> str:
    """Key of a task's TrainingResult."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{RESULT_FILE}"


def samples_prefix(plan_id: str, job_id: str) -> str:
    """Prefix of the images that a task draws every ``validation_steps`` while it trains."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{ADAPTER_FOLDER}/{SAMPLES_FOLDER}/"


def sample_file(step: int, number: int) -> str:
    """Return the name of such an image."""
    return f"step-{step:06d}-{number:02d}.png"


def step_of_sample(name: str) -> int | None:
    """Return the step of such an image; None for another file.

    >>> step_of_sample(sample_file(150, 1)), step_of_sample("sheet.png")
    (150, None)
    """
    found = re.fullmatch(r"step-([0-9]{6})-[0-9]{2}\.png", name)
    return None if found is None else int(found[1])


def progress_key(plan_id: str, job_id: str) -> str:
    """Key of a task's TrainingProgress."""
    return f"{checkpoints_prefix(plan_id)}{job_id}/{PROGRESS_FILE}"


def made_class_images_prefix(plan_id: str, key: str) -> str:
    """Prefix of class images that a training job has made."""
    return f"{checkpoints_prefix(plan_id)}{CLASS_IMAGES_FOLDER}/{key}/"


CLASS_IMAGES_PREFIX = "priors/"
"""Prefix of the class images for later training jobs."""


def class_images_prefix(key: str) -> str:
    """Prefix of one ClassImageSet and its file."""
    return f"{CLASS_IMAGES_PREFIX}{key}/"


def class_images_manifest_key(plan_id: str) -> str:
    """Key of SageMaker's ManifestFile for the ``prior`` channel."""
    return f"training/{plan_id}/priors.manifest"


def base_prefix(base_id: str) -> str:
    """Prefix of a base model's diffusers folder with its ``base.json``: the ``base`` channel."""
    return f"bases/{base_id}/"


def base_manifest_key(plan_id: str) -> str:
    """Key of SageMaker's ManifestFile for the ``base`` channel of a base with a refiner."""
    return f"{TRAINING_PREFIX}{plan_id}/base.manifest"


def speeds_key(base_id: str) -> str:
    """Key in the bases bucket of how fast a base trains on each instance type."""
    return f"{SPEEDS_PREFIX}{base_id}.json"


def captioner_prefix(captioner_id: str) -> str:
    """Prefix of a captioner's folder in the bases bucket: the ``captioner`` channel."""
    return f"captioners/{captioner_id}/"


def safety_prefix(checker_id: str) -> str:
    """Prefix of a safety checker's folder in the bases bucket, which the server fetches."""
    return f"safety/{checker_id}/"


def classifier_prefix(classifier_id: str) -> str:
    """Prefix of a picture classifier's folder in the bases bucket, for intake and server."""
    return f"classifiers/{classifier_id}/"


def names_key(list_id: str) -> str:
    """Key in the bases bucket of a list of names that nobody may train or draw with."""
    return f"names/{list_id}.txt"


def staging_key(job_id: str) -> str:
    """Key of a package that is not published yet."""
    return f"staging/{job_id}.tar.gz"


def receipt_key(erasure_id: str) -> str:
    """Key of SignedReceipt."""
    return f"receipts/{erasure_id}.json"


def erased_model_key(job_id: str) -> str:
    """Key of the empty object that tells every server of the endpoint to forget a model."""
    return f"{ERASED_PREFIX}{job_id}"


def disabled_model_key(job_id: str) -> str:
    """Key of the empty object while which is there no server draws with a model."""
    return f"{DISABLED_PREFIX}{job_id}"


def used_key(job_id: str) -> str:
    """Key of the object with the last day on which a server has answered with a model."""
    return f"{USED_PREFIX}{job_id}"


def allowed_key(marker: str) -> str:
    """Key of the empty object while which is there a refused text is let through."""
    return f"{ALLOWED_PREFIX}{marker}"


def allowed_prefix(owner: str) -> str:
    """Prefix of the texts of a tenant that are let through; ``owner`` is its hash."""
    return f"{ALLOWED_PREFIX}{owner}."


def training_output_prefix(plan_id: str) -> str:
    """Prefix in OutputDataConfig's S3OutputPath."""
    return f"training/{plan_id}/output/"


def hub_prefix(tenant: str, model_id: str) -> str:
    """Prefix of a pushed model in the operator's hub: no word of a user is in it."""
    return f"models/{tenant}/{model_id}/"


ERASED_PREFIX = "erased/"
"""Prefix of the erased models' markers, which the servers list every few seconds."""

DISABLED_PREFIX = "disabled/"
"""Prefix of the markers of models that a takedown has disabled; listed like the erased ones."""

USED_PREFIX = "used/"
"""Prefix of the days on which models were used last; servers write there once a day."""

ALLOWED_PREFIX = "allowed/"
"""Prefix of the markers of texts that a granted appeal lets through; listed like the others."""

SPEEDS_PREFIX = "speeds/"
"""Prefix of the measured speeds in the bases bucket, outside of the bases' folders."""

ENDPOINT_PREFIX = "endpoint/"
"""Prefix in the endpoint's ModelDataUrl; the TargetModel follows it."""


# --- the jobs table --------------------------------------------------------------------------


def upload_row(place: str) -> str:
    """Key of the row that names the job of ``<tenant>/<upload>``."""
    return f"upload#{place}"


def expiry_row(job_id: str) -> str:
    """Key of the row that says when a job's photos are to go."""
    return f"expiry#{job_id}"


def consent_end_row(job_id: str) -> str:
    """Key of the row that says when the consent to a job's model ends."""
    return f"consent-end#{job_id}"


def unused_row(job_id: str) -> str:
    """Key of the row that says when somebody looks whether a model is still used."""
    return f"unused#{job_id}"


def cost_row(training_job_name: str) -> str:
    """Key of the row of what a training job has cost, and when it ran."""
    return f"bill#{training_job_name}"


def notice_row(notice_id: str) -> str:
    """Key of the row that says that a notice was sent."""
    return f"notice#{notice_id}"


def erasure_row(erasure_id: str) -> str:
    """Key of the row that is an erasure's tombstone and its state."""
    return f"erased#{erasure_id}"


# --- the api table ---------------------------------------------------------------------------


def api_key_row(key_id: str) -> str:
    """Key of the row of an API key."""
    return f"key#{key_id}"


def approval_row(tenant: str, model_id: str) -> str:
    """Key of the row of what a tenant has decided about a model."""
    return f"approval#{tenant}#{model_id}"


def idempotency_row(tenant: str, key_sha256: str) -> str:
    """Key of the row of what a tenant's call was answered; the caller's own key is hashed."""
    return f"idem#{tenant}#{key_sha256}"


def webhook_row(webhook_id: str) -> str:
    """Key of the row of a webhook."""
    return f"webhook#{webhook_id}"


def webhooks_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's webhooks stand."""
    return f"webhooks#{tenant}"


def delivery_row(webhook_id: str, message_id: str) -> str:
    """Key of the row of what became of one message to a webhook."""
    return f"delivery#{webhook_id}#{message_id}"


def deliveries_index(webhook_id: str) -> str:
    """Value of the index's key under which a webhook's deliveries stand."""
    return f"deliveries#{webhook_id}"


CONSENT_ROWS = "consent#"
"""How the keys of the records of consents begin; an erasure leaves these rows as evidence."""


def consent_row(job_id: str) -> str:
    """Key of the row of a job's ConsentRecord."""
    return f"{CONSENT_ROWS}{job_id}"


def consents_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's consents stand."""
    return f"consents#{tenant}"


def picture_row(picture_id: str) -> str:
    """Key of the row of how a picture stands."""
    return f"picture#{picture_id}"


def pictures_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's pictures stand."""
    return f"pictures#{tenant}"


def alias_row(tenant: str, name: str) -> str:
    """Key of the row of an alias."""
    return f"alias#{tenant}#{name}"


def aliases_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's aliases stand."""
    return f"aliases#{tenant}"


def version_row(tenant: str, name: str, model_id: str) -> str:
    """Key of the row of what was measured of one version of an alias."""
    return f"version#{tenant}#{name}#{model_id}"


def versions_index(tenant: str) -> str:
    """Value of the index's key under which the versions of all aliases of a tenant stand."""
    return f"versions#{tenant}"


def version_place(name: str, model_id: str) -> str:
    """Sort key of the index's versions: those of an alias stand together."""
    return f"{name}#{model_id}"


EXPORT_ROWS = "export#"
"""How the keys of the rows of exports begin."""


def export_row(export_id: str) -> str:
    """Key of the row of how an export stands."""
    return f"{EXPORT_ROWS}{export_id}"


def exports_index(tenant: str) -> str:
    """Value of the index's key under which a tenant's exports stand."""
    return f"exports#{tenant}"


def appeal_row(appeal_id: str) -> str:
    """Key of the row of an appeal."""
    return f"appeal#{appeal_id}"


APPEALS_INDEX = "appeals#"
"""Value of the index's key under which all appeals stand; no tenant can have this name."""


def takedown_row(case_id: str) -> str:
    """Key of the row of a takedown's case."""
    return f"takedown#{case_id}"


TAKEDOWNS_INDEX = "takedowns#"
"""Value of the index's key under which all cases stand; no tenant can have this name."""


# --- inside the training container, under /opt/ml ----------------------------------------------

PLAN_CHANNEL, PHOTOS_CHANNEL, BASE_CHANNEL = "plan", "photos", "base"
CAPTIONER_CHANNEL = "captioner"
"""Channel with a model that describes pictures; absent where the stack has none."""
CHECKER_CHANNEL, FILTER_CHANNEL = "safety_checker", "content_filter"
"""Channels with the networks that look at what a training draws for people; absent without them."""
CLASS_IMAGES_CHANNEL = "prior"
"""Channel with class images; absent where no set is stored."""
STATE_CHANNEL = "state"
"""Channel with the last checkpoints of the rungs that tasks go on from; absent without any."""
STATE_FOLDER = "state"
PLAN_FILE = "plan.json"
CLASS_IMAGES_FILE = "prior.json"
CLASS_IMAGES_FOLDER = "priors"
BASE_FILE = "base.json"
RESULT_FILE = "result.json"
PROGRESS_FILE = "progress.json"
ADAPTER_FOLDER = "adapter"
SAMPLES_FOLDER = "samples"
"""Folder in the adapter's folder for the images that are drawn while it is trained."""
MANIFEST_FILE = "manifest.json"
DIFFUSERS_FILE = "pytorch_lora_weights.safetensors"

WEBUI_FOLDER = "webui"
"""Folder in the adapter's with the one file that A1111, Forge, ComfyUI and kohya's scripts load."""

PEFT_FOLDER = "peft"


def webui_file(trigger_word: str, family: str, job_id: str) -> str:
    """Path in the adapter's folder of the file for A1111, Forge, ComfyUI and kohya's scripts.

    These tools show the file's name to their users, so it has the trigger word as far as a-z and
    0-9 can spell it. The rest keeps two models of one word apart.

    >>> webui_file("Zoë's dog", "sdxl", "0123456789abcdef0123456789abcdef")
    'webui/zoe-s-dog_sdxl_01234567.safetensors'
    >>> webui_file("小明", "sd1", "0123456789abcdef0123456789abcdef")
    'webui/subject_sd1_01234567.safetensors'
    """
    plain = unicodedata.normalize("NFKD", trigger_word).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "subject"
    return f"{WEBUI_FOLDER}/{word}_{family}_{job_id[:8]}.safetensors"
