"""What an erasure reaches: the trainings, the uploads and the keys of its subject."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.documents.api.pictures import PictureOrder
from contracts.documents.erasure import ErasureSubject
from contracts.documents.job import AcceptedUpload
from contracts.documents.picture import StoredPictures
from contracts.documents.record import JobRecord
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from contracts.shared.names import captions_plan_id, parse_training_job_name
from contracts.shared.pictures.picture_places import names_model, tenant_hash
from domain.erasure.services import ErasureServices
from domain.ports.erasure import TenantRows
from domain.ports.storage import Storage, find_readable


@dataclass(frozen=True)
class Reach:
    """What belongs to the subject of an erasure."""

    subject: ErasureSubject
    records: tuple[JobRecord, ...]
    """The trainings: their data, their model and their rows go."""
    uploads: tuple[str, ...]
    """Uploads of the tenant that go whole."""
    accepting: tuple[str, ...]
    """Ends of the leases of the tenant's uploads that are being accepted."""
    models: tuple[str, ...]
    """Ids of the models that have a row."""

    @property
    def is_tenant(self) -> bool:
        """Whether the whole tenant goes."""
        return self.subject.kind == "tenant"

    @property
    def job_ids(self) -> tuple[str, ...]:
        """Ids of the trainings, also of those of which only the model's row is left."""
        return tuple(dict.fromkeys((*(r.job_id for r in self.records), *self.models)))


def reach_of(subject: ErasureSubject, services: ErasureServices) -> Reach:
    """Return what the erasure of the subject reaches, as the tables have it now."""
    rows = services.erasures.rows_of(subject.tenant)
    wanted = {record.job_id for record in directly(subject, rows, services.models)}
    records = tuple(r for r in rows.records if r.job_id in wanted or r.trial_of in wanted)
    reached = {*(record.job_id for record in records), subject.model_id}
    models = services.erasures.models_of(subject.tenant)
    return Reach(
        subject=subject,
        records=records,
        uploads=tuple(uploads_of(subject, rows)),
        accepting=tuple(
            row.accepting_until for row in rows.uploads.values() if row.accepting_until is not None
        ),
        models=tuple(m for m in models if subject.kind == "tenant" or m in reached),
    )


def directly(subject: ErasureSubject, rows: TenantRows, models: Storage) -> Iterator[JobRecord]:
    """Yield the trainings that the subject names, without the trials of their sweeps."""
    pointer = rows.uploads.get(subject.upload or "")
    pointed = None if pointer is None else pointer.points_to
    for record in rows.records:
        of_upload = subject.upload is not None and (
            record.upload == subject.upload or record.job_id == pointed
        )
        wanted = {
            "tenant": True,
            "model": record.job_id == subject.model_id,
            "upload": of_upload,
            "photo": of_upload and shows(record, subject, models),
        }
        if wanted[subject.kind]:
            yield record


def shows(record: JobRecord, subject: ErasureSubject, models: Storage) -> bool:
    """Return whether the training has used the photo; True where that is no longer known."""
    key = layout.models.accepted_upload_key(record.job_id)
    accepted = find_readable(models, key, AcceptedUpload)
    if accepted is None:
        return True
    prefix = layout.uploads.upload_prefix(subject.tenant, subject.upload or "")
    pinned = (*accepted.photos, *accepted.class_photos)
    return any(is_photo(pin.key, prefix, subject) for pin in pinned)


def is_photo(key: str, prefix: str, subject: ErasureSubject) -> bool:
    """Return whether a key of the upload is the subject's photo."""
    name = key.removeprefix(prefix)
    return hashlib.sha256(name.encode()).hexdigest() == subject.photo


def uploads_of(subject: ErasureSubject, rows: TenantRows) -> Iterable[str]:
    """Return the uploads that go whole."""
    if subject.kind == "tenant":
        return sorted(rows.uploads)
    whole = subject.kind == "upload" and subject.upload in rows.uploads
    return [subject.upload] if whole and subject.upload else []


def plans_of(reach: Reach) -> list[str]:
    """Return every plan that may have trained one of the jobs, from the records and receipts."""
    names = [name for record in reach.records for name in training_jobs_of(record)]
    parsed = (parse_training_job_name(name) for name in names)
    plans = [
        *(record.plan_id for record in reach.records),
        *(name.plan_id for name in parsed if name is not None),
        *reach.job_ids,
        *(captions_plan_id(job_id) for job_id in reach.job_ids),
    ]
    return list(dict.fromkeys(plan for plan in plans if plan))


def training_jobs_of(record: JobRecord) -> list[str]:
    """Return the names of the SageMaker training jobs that have trained the job."""
    present = () if record.training_job_name is None else (record.training_job_name,)
    return list(dict.fromkeys((*present, *record.receipts)))


def shared_with(plan_id: str, job_ids: Iterable[str], models: Storage) -> TrainingPlan | None:
    """Return the plan if it trains other jobs too; None when all of it may go."""
    plan = find_readable(models, layout.models.plan_key(plan_id), TrainingPlan)
    others = () if plan is None else {task.job_id for task in plan.tasks} - set(job_ids)
    return plan if others else None


def is_whole(plan_id: str, job_ids: Iterable[str], models: Storage) -> bool:
    """Return whether all of a plan may go; False where it is unknown whom else it has trained."""
    own = {*job_ids, *(captions_plan_id(job_id) for job_id in job_ids)}
    if plan_id in own:  # named by its only job
        return True
    plan = find_readable(models, layout.models.plan_key(plan_id), TrainingPlan)
    return plan is not None and {task.job_id for task in plan.tasks} <= set(job_ids)


def pictures_of(reach: Reach, services: ErasureServices) -> list[str]:
    """Return the prefixes of the tenant's pictures that the erased models have drawn."""
    if reach.subject.kind == "tenant":
        return [layout.uploads.tenant_pictures_prefix(reach.subject.tenant)]
    prefix = layout.uploads.tenant_pictures_prefix(reach.subject.tenant)
    found = services.uploads_versions.keys(prefix) if reach.job_ids else []
    names = (layout.uploads.PICTURES_FILE, layout.uploads.ORDER_FILE)
    documents = [key for key in found if key.endswith(tuple(f"/{name}" for name in names))]
    prefixes = (
        f"{key.rpartition('/')[0]}/"
        for key in documents
        if drawn_by(services.uploads, key, set(reach.job_ids))
    )
    return list(dict.fromkeys(prefixes))


def large_answers_of(reach: Reach, services: ErasureServices) -> list[str]:
    """Return the prefixes of answers that the endpoint stored as they were too large to be sent."""
    owner = tenant_hash(reach.subject.tenant)
    prefix = layout.uploads.answers_prefix(owner)
    if reach.subject.kind == "tenant":
        return [prefix]
    found = services.uploads_versions.keys(prefix) if reach.job_ids else []
    named = (key for key in found if names_model(key, owner, reach.job_ids))
    return list(dict.fromkeys(f"{key.rpartition('/')[0]}/" for key in named))


def drawn_by(uploads: Storage, key: str, job_ids: set[str]) -> bool:
    """Return whether one of the models draws or has drawn it, alone or mixed in."""
    if key.endswith(f"/{layout.uploads.ORDER_FILE}"):
        ordered = find_readable(uploads, key, PictureOrder)
        return ordered is not None and ordered.model_id in job_ids
    stored = find_readable(uploads, key, StoredPictures)
    if stored is None:
        return False
    used = [stored.model, *(other.model for other in stored.arguments.adapters)]
    return any(model[:32] in job_ids for model in used)
