"""Empty every store of a subject: what is in buckets first, its rows last.

The rows say where the bytes are. An erasure that dies in the middle finds the rest by them.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from contracts.documents.erasure import ErasureSubject, Store, StoresErased
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from contracts.shared.pictures.picture_places import tenant_hash
from domain.erasure.reach import (
    Reach,
    is_photo,
    is_whole,
    large_answers_of,
    pictures_of,
    plans_of,
    reach_of,
    shared_with,
    training_jobs_of,
)
from domain.erasure.services import ErasingServices, ErasureServices, RowServices
from domain.ports.erasure import ApiRows, VersionedBucket
from domain.ports.storage import DOCUMENT_LIMIT, ObjectMissingError, Storage, write_document


class Place(NamedTuple):
    """A prefix that goes, and the store that it belongs to."""

    store: Store
    bucket: VersionedBucket
    prefix: str


def erase_stores(subject: ErasureSubject, services: ErasingServices) -> StoresErased:
    """Delete all that belongs to the subject; return what is still there.

    Without time for all, the rest waits for the next call.
    """
    reach = reach_of(subject, services)
    places = [*places_of(reach, services), *pushed_places(reach, services)]
    count_first(reach, places, services)
    for place in places:
        if not services.has_time():
            break
        place.bucket.purge(place.prefix)
    leave_shared_plans(reach, services)
    services.dead_letters.purge(words_of(reach))
    release_pools(reach, services)
    left = held_in(places, subject)
    if not left.total():
        forget_rows(reach, services)
    left.update(rows_in(reach_of(subject, services), services))
    left["dead letters"] = services.dead_letters.count(words_of(reach))
    pools = kept_pools(reach, services)
    services.erasures.record_remaining(subject.erasure_id, {**left, "warm pools": pools})
    return StoresErased(remaining=left.total())


def count_first(reach: Reach, places: list[Place], services: ErasingServices) -> None:
    """Store what there is before the first deletion; a repeated call keeps the first count."""
    erasure = services.erasures.find(reach.subject.erasure_id)
    if erasure is None or erasure.found is not None:
        return
    found = held_in(places, reach.subject) + rows_in(reach, services)
    found["dead letters"] = services.dead_letters.count(words_of(reach))
    found["warm pools"] = kept_pools(reach, services)
    found["endpoint memory and disk"] = len(reach.job_ids)
    services.erasures.record_found(reach.subject.erasure_id, found, len(reach.job_ids))


def held_in(places: list[Place], subject: ErasureSubject) -> "Counter[Store]":
    """Count what is in the buckets."""
    held: Counter[Store] = Counter()
    for place in places:
        versions, uploads = place.bucket.held(place.prefix)
        held[place.store] += versions
        held["unfinished uploads"] += uploads
    if subject.kind == "tenant":  # the pictures are below the tenant's prefix too
        held["uploaded files"] -= held["drawn pictures"]
    return held


def rows_in(reach: Reach, services: RowServices) -> "Counter[Store]":
    """Count the rows of all tables."""
    return Counter(
        {
            "model rows": len(reach.models),
            "job rows": len(reach.records),
            "notice rows": sum(record.notice_id is not None for record in reach.records),
            "upload rows": len(reach.uploads),
            **services.erasures.count_api_rows(api_rows_of(reach)),
            "people": services.people.count(reach.subject.tenant) if reach.is_tenant else 0,
        }
    )


def kept_pools(reach: Reach, services: ErasingServices) -> int:
    """Count the warm pools on which the subject was trained and that still wait."""
    names = [name for record in reach.records for name in training_jobs_of(record)]
    return sum(services.pools.is_kept(name) for name in names)


# --- places ---------------------------------------------------------------------------------


def places_of(reach: Reach, services: ErasureServices) -> Iterator[Place]:
    """Yield every prefix of both buckets that belongs to the subject alone."""
    yield from uploaded_places(reach, services)
    uploads, models = services.uploads_versions, services.models_versions
    for prefix in pictures_of(reach, services):
        yield Place("drawn pictures", uploads, prefix)
    for prefix in large_answers_of(reach, services):
        yield Place("large answers", uploads, prefix)
    for job_id in reach.job_ids:
        yield Place("prepared photos", uploads, layout.uploads.accepted_prefix(job_id))
        yield Place("job documents", models, layout.models.job_prefix(job_id))
        yield Place("job documents", models, layout.models.used_key(job_id))
        yield Place("packages in the making", models, layout.models.staging_key(job_id))
        yield Place("packaged models", models, f"{layout.models.ENDPOINT_PREFIX}{job_id}-")
    for plan_id in plans_of(reach):
        whole = is_whole(plan_id, reach.job_ids, services.models)
        prefixes = whole_plan(plan_id) if whole else part_of_plan(plan_id, reach, services)
        yield from (Place(store, models, prefix) for store, prefix in prefixes)


def pushed_places(reach: Reach, services: ErasingServices) -> Iterator[Place]:
    """Yield the models' folders in the operator's hub, where there is one."""
    if services.hub_versions is not None:
        for job_id in reach.job_ids:
            pushed = layout.hub.hub_prefix(reach.subject.tenant, job_id)
            yield Place("pushed models", services.hub_versions, pushed)


def uploaded_places(reach: Reach, services: ErasureServices) -> Iterator[Place]:
    """Yield what the client has uploaded, what was unpacked and refused of it, and its archives."""
    subject = reach.subject
    uploads, models = services.uploads_versions, services.models_versions
    yield Place("data exports", uploads, layout.uploads.exports_prefix(subject.tenant))
    if subject.kind == "tenant":
        yield Place("uploaded files", uploads, layout.uploads.tenant_prefix(subject.tenant))
        yield Place(
            "unpacked archives", uploads, layout.uploads.unpacked_tenant_prefix(subject.tenant)
        )
        yield Place("refused requests", models, layout.models.problems_prefix(subject.tenant))
        allowed = layout.models.allowed_prefix(tenant_hash(subject.tenant))
        yield Place("refused requests", models, allowed)
    elif subject.kind == "upload" and subject.upload:
        whole = layout.uploads.upload_prefix(subject.tenant, subject.upload)
        yield Place("uploaded files", uploads, whole)
        unpacked = layout.uploads.unpacked_prefix(subject.tenant, subject.upload)
        yield Place("unpacked archives", uploads, unpacked)
        refused = layout.models.problems_key(subject.tenant, subject.upload)
        yield Place("refused requests", models, refused)
    elif subject.kind == "photo" and subject.upload:
        whole = layout.uploads.upload_prefix(subject.tenant, subject.upload)
        for key in uploads.keys(whole):
            if is_photo(key, whole, subject):
                yield Place("uploaded files", uploads, key)


def whole_plan(plan_id: str) -> Iterator[tuple[Store, str]]:
    """Yield the prefixes of a plan that trains nobody else."""
    yield "training logs", layout.models.tensorboard_prefix(plan_id)
    yield "training output", layout.models.training_output_prefix(plan_id)
    yield "checkpoints and adapters", layout.models.checkpoints_prefix(plan_id)
    yield "training plans", layout.models.plan_prefix(plan_id)
    yield "training plans", layout.models.photos_manifest_key(plan_id)
    yield "training plans", layout.models.class_images_manifest_key(plan_id)
    yield "training plans", layout.models.base_manifest_key(plan_id)
    yield "training plans", layout.models.states_manifest_key(plan_id)


def part_of_plan(
    plan_id: str, reach: Reach, services: ErasureServices
) -> Iterator[tuple[Store, str]]:
    """Yield what is of the erased jobs in a plan that has trained others too."""
    yield "training output", layout.models.training_output_prefix(plan_id)
    for job_id in reach.job_ids:
        yield "checkpoints and adapters", f"{layout.models.checkpoints_prefix(plan_id)}{job_id}/"
    logs = layout.models.tensorboard_prefix(plan_id)
    for key in services.models_versions.keys(logs):
        if any(job_id in key for job_id in reach.job_ids):
            yield "training logs", key


# --- plans that others share -----------------------------------------------------------------


def leave_shared_plans(reach: Reach, services: ErasingServices) -> None:
    """Take the erased jobs out of the plans and manifests that they share with others."""
    for plan_id in plans_of(reach):
        plan = shared_with(plan_id, reach.job_ids, services.models)
        if plan is not None:
            leave_plan(plan, reach, services)


def leave_plan(plan: TrainingPlan, reach: Reach, services: ErasingServices) -> None:
    """Write a plan without the erased jobs, and delete its older versions."""
    tasks = tuple(task for task in plan.tasks if task.job_id not in reach.job_ids)
    plan_key = layout.models.plan_key(plan.plan_id)
    if tasks != plan.tasks:
        left = plan.model_copy(update={"tasks": tasks, "shares": ()})
        write_document(services.models, plan_key, left)
    services.models_versions.purge_older(plan_key)
    of_photos = layout.models.photos_manifest_key(plan.plan_id)
    for manifest_key in (of_photos, layout.models.states_manifest_key(plan.plan_id)):
        leave_manifest(manifest_key, reach.job_ids, services.models)
        services.models_versions.purge_older(manifest_key)


def leave_manifest(key: str, job_ids: tuple[str, ...], models: Storage) -> None:
    """Write SageMaker's manifest without what is in the erased jobs' folders."""
    try:
        first, *files = json.loads(models.read(key, DOCUMENT_LIMIT))
    except ObjectMissingError:
        return
    left = [file for file in files if not set(file.split("/")) & set(job_ids)]
    if left != files:
        models.write(key, json.dumps([first, *left]).encode(), "application/json")


# --- messages, pools and rows ----------------------------------------------------------------


def words_of(reach: Reach) -> list[str]:
    """Return what a message about the subject has in it."""
    subject = reach.subject
    prefixes = {
        "tenant": [layout.uploads.tenant_prefix(subject.tenant)],
        "upload": [layout.uploads.upload_prefix(subject.tenant, subject.upload or "")],
    }
    return [*prefixes.get(subject.kind, []), *reach.job_ids]


def api_rows_of(reach: Reach) -> ApiRows:
    """Return which rows of the HTTP API go."""
    return ApiRows(reach.subject.tenant if reach.is_tenant else None, reach.job_ids)


def release_pools(reach: Reach, services: ErasingServices) -> None:
    """End the warm pools on which the subject was trained."""
    for record in reach.records:
        for name in training_jobs_of(record):
            services.pools.release(name)


def forget_rows(reach: Reach, services: ErasingServices) -> None:
    """Delete the rows; those that lead to others come last."""
    if reach.is_tenant:
        services.people.forget(reach.subject.tenant)
    services.erasures.forget_api_rows(api_rows_of(reach))
    for job_id in reach.models:
        services.erasures.forget_model(reach.subject.tenant, job_id)
    for record in reach.records:
        services.erasures.forget_job(record)
    for upload in reach.uploads:
        services.erasures.forget_upload(reach.subject.tenant, upload)
