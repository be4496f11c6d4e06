"""What a training job reads: its plan, and manifests of photos, class images, checkpoints, base."""

import json
from collections.abc import Sequence

from contracts.documents.class_images import ClassImageSet
from contracts.documents.training import TrainingPlan, TrainingTask
from contracts.shared import layout
from contracts.shared.weights.pipeline_files import REFINER_FOLDER
from domain.ports.storage import write_document
from domain.training.class_images import class_images_manifest
from domain.training.services import LaunchServices, TrainingServices

MAX_STATE_FILES = 10
"""More than a task's checkpoints and candidates together."""

MAX_BASE_FILES = 10_000
"""More than a base's folder has; without this limit a wrong folder could fill the manifest."""


def find_states(services: TrainingServices, tasks: Sequence[TrainingTask]) -> list[str]:
    """Return the keys of the checkpoints that tasks go on from, below ``training/``."""
    rungs = [task.rung for task in tasks if task.rung is not None]
    earlier = [rung.continues for rung in rungs if rung.continues is not None]
    stored = [one for job_id in earlier for one in state_of(services, job_id)]
    return [key.removeprefix(layout.models.TRAINING_PREFIX) for key in stored]


def state_of(services: TrainingServices, job_id: str) -> list[str]:
    """Return the keys of the checkpoints that a rung's job has left; none if they have expired."""
    record = services.jobs.get(job_id)
    plans = [job_id] if record is None or record.plan_id is None else [record.plan_id, job_id]
    for plan_id in plans:
        prefix = layout.models.state_prefix(plan_id, job_id)
        if stored := services.models.list(prefix, MAX_STATE_FILES):
            return [one.key for one in stored]
    return []


def write_inputs(
    services: LaunchServices,
    plan: TrainingPlan,
    class_images: Sequence[ClassImageSet],
    states: Sequence[str] = (),
) -> None:
    """Write the plan and the manifests where the request's channels expect them."""
    models, plan_id = services.training.models, plan.plan_id
    write_document(models, layout.models.plan_key(plan_id), plan)
    manifest = photos_manifest(plan, services.settings.uploads_bucket)
    body = json.dumps(manifest).encode()
    models.write(layout.models.photos_manifest_key(plan_id), body, "application/json")
    if class_images:
        body = json.dumps(class_images_manifest(models, class_images)).encode()
        models.write(layout.models.class_images_manifest_key(plan_id), body, "application/json")
    if states:
        body = json.dumps([{"prefix": models.uri(layout.models.TRAINING_PREFIX)}, *states]).encode()
        models.write(layout.models.states_manifest_key(plan_id), body, "application/json")


def write_base_manifest(services: LaunchServices, plan_id: str, base_id: str) -> None:
    """Write which files of the base a training needs: all but the refiner's 4.5 GB."""
    prefix = layout.bases.base_prefix(base_id)
    stored = [one.key for one in services.bases.list(prefix, MAX_BASE_FILES)]
    files = [key.removeprefix(prefix) for key in stored if not key.endswith("/")]
    needed = [file for file in files if not file.startswith(f"{REFINER_FOLDER}/")]
    body = json.dumps([{"prefix": services.bases.uri(prefix)}, *needed]).encode()
    models = services.training.models
    models.write(layout.models.base_manifest_key(plan_id), body, "application/json")


def photos_manifest(plan: TrainingPlan, uploads_bucket: str) -> list[object]:
    """Return SageMaker's ManifestFile: a common prefix, then the keys below it, each once.

    The trials of one sweep share their photos.
    """
    files = dict.fromkeys(file for task in plan.tasks for file in files_of(task))
    return [{"prefix": f"s3://{uploads_bucket}/{layout.uploads.ACCEPTED_PREFIX}"}, *files]


def files_of(task: TrainingTask) -> list[str]:
    """Return the files that the task needs in the ``photos`` channel."""
    masks = [photo.mask.file for photo in task.photos if photo.mask is not None]
    return [
        *(photo.file for photo in task.photos),
        *masks,
        *(stored.file for stored in task.class_photos),
        *([] if task.captions is None else [task.captions]),
        *([] if task.adapter is None else [task.adapter.file]),
    ]
