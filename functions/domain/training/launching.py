"""Starting what the planner chose: one order at a time, and never one job twice.

Claim (a conditional write) before create: of two launchers one gets the job. A launcher that dies
in between leaves a claim without a training job, which reconcile returns to the queue.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from contracts.base import BaseCard
from contracts.documents.job import AcceptedUpload
from contracts.documents.photos import PhotoReport, StoredFile
from contracts.documents.prior import PriorSet
from contracts.documents.record import JobRecord, WaitingFor
from contracts.documents.stages import TrainAdapterInput
from contracts.documents.training import TaskPhoto, TrainedAdapter, TrainingPlan, TrainingTask
from contracts.errors import TrainingFailedError
from contracts.shared import layout
from domain.ports.jobs import Jobs
from domain.ports.ledger import Bill
from domain.ports.storage import Storage, find_document, read_document, write_document
from domain.training.following import (
    LAUNCH_GRACE,
    Callbacks,
    TrainingRoom,
    answer,
    find_trained,
    settle,
    verdict_of_result,
)
from domain.training.keep_alive import advised_period
from domain.training.planning import LaunchOrder, PlanningRules, fair_order, plan
from domain.training.priors import find_priors, priors_manifest
from domain.training.progress import tell_places
from domain.training.sagemaker_job import (
    EXPORT_SECONDS,
    LEAST_RUNTIME,
    Trainer,
    TrainingSettings,
    max_runtime,
    training_job_request,
)

Start = Literal["started", "nothing_left", "no_capacity"]


@dataclass(frozen=True)
class Launcher:
    """The room, and what the stack decided for every training job."""

    room: TrainingRoom
    bases: Storage
    settings: TrainingSettings
    has_time: Callable[[], bool] = lambda: True
    """Whether one more training job may be prepared, asked before each, and answered when its turn
    has come: SageMaker takes about one a second. A launcher that is killed leaves claims."""


def queue_for_training(
    given: TrainAdapterInput, jobs: Jobs, models: Storage, callbacks: Callbacks, now: datetime
) -> None:
    """Stand in the queue until the token is answered; at once, if there is an adapter already.

    A new token means that the state behind the old one is gone. So a failure that is known already
    was told to that one: it is cleared away, or it would fail the new attempt too.
    """
    job_id = given.job.job_id
    record = jobs.get(job_id)
    verdict = verdict_of_result(models, record) if record is not None else "wait"
    if isinstance(verdict, TrainedAdapter):
        jobs.advance(job_id, "TrainAdapter", now)
        answer(callbacks, given.task_token, verdict, job_id)
        return
    old_token = record.task_token if record is not None else None
    if verdict != "wait" and old_token not in {None, given.task_token}:
        jobs.leave_queue(job_id, str(old_token), now)
    jobs.enqueue(job_id, given.task_token, now)


def launch(launcher: Launcher, now: datetime, ended: str = "") -> list[str]:
    """Start what fits the quota; return the names of the training jobs that are under way now.

    The slot of ``ended`` is free, although follow_training may not have settled its rows yet.
    """
    queued = untrained(launcher.room, now)
    running = [job for job in launcher.room.jobs.in_training() if job.training_job_name != ended]
    names: list[str] = []
    waiting = {job.job_id: job for job in fair_order(queued, tenants_of(running))}
    waiting_for: WaitingFor = "slot"
    orders = plan(queued, running, rules_of(launcher.settings))
    launcher = with_keep_alive(launcher) if orders else launcher
    for order in orders:
        outcome = start(launcher, order, now) if launcher.has_time() else "no_time"
        if outcome in {"no_capacity", "no_time"}:
            waiting_for = "capacity" if outcome == "no_capacity" else "slot"
            break
        for job in order.jobs:
            waiting.pop(job.job_id, None)
        if outcome == "started":
            names.append(order.training_job_name)
    tell_places(launcher.room.jobs, list(waiting.values()), waiting_for)
    return names


def with_keep_alive(launcher: Launcher) -> Launcher:
    """Let warm pools wait for as long as the last gaps between training jobs advise."""
    most = launcher.settings.keep_alive_seconds
    if most == 0:
        return launcher
    seconds = advised_period(launcher.room.jobs.recent_runs(), most)
    return replace(launcher, settings=replace(launcher.settings, keep_alive_seconds=seconds))


def tenants_of(running: Sequence[JobRecord]) -> Counter[str]:
    """Count the jobs in training by tenant."""
    return Counter(job.tenant for job in running)


def rules_of(settings: TrainingSettings) -> PlanningRules:
    """Return what of the settings the planner needs."""
    return PlanningRules(quota=settings.quota, largest_batch=settings.largest_batch)


def untrained(room: TrainingRoom, now: datetime) -> list[JobRecord]:
    """Return the queued jobs that nothing trains; what was trained already is answered.

    Whoever dies between a result and its answer leaves a job that looks untrained. So a job with a
    past is looked at closely, in the table itself, before a GPU is spent on it.
    """
    free: list[JobRecord] = []
    for row in room.jobs.queued():
        job = room.jobs.get(row.job_id) if row.attempt > 0 else row
        if job is None or job.queue != "queued" or may_be_trained(job, room.trainer, now):
            continue
        trained = find_trained(room.models, job) if job.attempt > 0 else None
        if trained is None:
            free.append(job)
        else:
            settle(room, job, trained, now)
    return free


def may_be_trained(job: JobRecord, trainer: Trainer, now: datetime) -> bool:
    """Whether an earlier attempt goes on, or begins yet, although its execution has ended.

    Its result is waited for: then the adapter is adopted, or the job is trained anew.
    """
    if job.training_job_name is None:
        return False
    state = trainer.describe(job.training_job_name)
    if state is None:
        return now - datetime.fromisoformat(job.updated_at) <= LAUNCH_GRACE
    return not state.ended


def start(launcher: Launcher, order: LaunchOrder, now: datetime) -> Start:
    """Claim an order's jobs and start their training job."""
    room, base_id = launcher.room, order.jobs[0].base_id
    card = read_document(launcher.bases, layout.base_prefix(base_id) + layout.BASE_FILE, BaseCard)
    tasks = [
        task
        for record in claim(room.jobs, order, now)
        if (task := task_or_failure(room, record, now)) is not None
    ]
    if not tasks:
        return "nothing_left"
    plan_document = TrainingPlan(
        plan_id=order.plan_id,
        base_sha256=card.sha256,
        tasks=tuple(tasks),
        deadline_seconds=runtime_of(order, launcher.settings) - EXPORT_SECONDS,
    )
    priors = find_priors(room.models, plan_document.tasks, card)
    write_inputs(launcher, plan_document, priors)
    request = training_job_request(
        order.training_job_name,
        plan_document,
        base_id,
        launcher.settings,
        with_priors=bool(priors),
    )
    spot = request["EnableManagedSpotTraining"]
    bill = Bill(order.training_job_name, order.plan_id, spot=spot)
    room.jobs.open_bill(bill, now)
    if room.trainer.create(request) != "no_capacity":
        return "started"
    room.jobs.drop_bill(bill)
    for task in tasks:
        room.jobs.wait_for_capacity(task.job_id, order.training_job_name, now)
    return "no_capacity"


def runtime_of(order: LaunchOrder, settings: TrainingSettings) -> int:
    """Return the seconds that the training job may run: what the stack allows, and what is paid."""
    paid = [job.max_runtime_seconds for job in order.jobs if job.max_runtime_seconds is not None]
    return max(LEAST_RUNTIME, min([max_runtime(len(order.jobs), settings), *paid]))


def claim(jobs: Jobs, order: LaunchOrder, now: datetime) -> list[JobRecord]:
    """Return the order's jobs that are ours now: none, when another launcher has the leader."""
    claimed: list[JobRecord] = []
    for job in order.jobs:
        ours = jobs.start_training(
            job.job_id, order.plan_id, order.training_job_name, order.attempt, now
        )
        record = jobs.get(job.job_id) if ours else None
        if record is not None:
            claimed.append(record)
        elif not claimed:
            break
    return claimed


def task_or_failure(room: TrainingRoom, record: JobRecord, now: datetime) -> TrainingTask | None:
    """Return what to train; None, and the state fails, when that is no longer known."""
    try:
        return task_of(room.models, record)
    except TrainingFailedError as error:
        settle(room, record, error, now)
        return None


def task_of(models: Storage, record: JobRecord) -> TrainingTask:
    """Return the request and the photos that passed.

    Raises:
        TrainingFailedError: they are no longer there.
    """
    accepted = find_document(models, layout.accepted_upload_key(record.job_id), AcceptedUpload)
    report = find_document(models, layout.photo_report_key(record.job_id), PhotoReport)
    photos = photos_of(report) if report is not None else ()
    if accepted is None or not photos:
        raise TrainingFailedError(reason="documents_missing")
    of_class = () if report is None else class_photos_of(report)
    return TrainingTask(
        job_id=record.job_id,
        request=accepted.request,
        photos=photos,
        class_photos=of_class,
    )


def class_photos_of(report: PhotoReport) -> tuple[StoredFile, ...]:
    """Return the user's own pictures of the class, where the report's job keeps them."""
    return tuple(in_channel(report.job_id, stored) for stored in report.class_photos)


def photos_of(report: PhotoReport) -> tuple[TaskPhoto, ...]:
    """Return the photos with a normalised copy."""
    return tuple(
        TaskPhoto(
            index=photo.index,
            file=f"{report.job_id}/{photo.file}",
            sha256=photo.sha256,
            caption=photo.caption,
            mask=None if photo.mask is None else in_channel(report.job_id, photo.mask),
            repeats=photo.repeats,
        )
        for photo in report.photos
        if photo.verdict != "refused" and photo.file is not None and photo.sha256 is not None
    )


def in_channel(job_id: str, stored: StoredFile) -> StoredFile:
    """Return a file of the job as the ``photos`` channel names it."""
    return StoredFile(file=f"{job_id}/{stored.file}", sha256=stored.sha256)


def write_inputs(
    launcher: Launcher, training_plan: TrainingPlan, priors: Sequence[PriorSet]
) -> None:
    """Write the plan and the lists of photos and class images where the request's channels look."""
    models, plan_id = launcher.room.models, training_plan.plan_id
    write_document(models, layout.plan_key(plan_id), training_plan)
    manifest = photos_manifest(training_plan, launcher.settings.uploads_bucket)
    body = json.dumps(manifest).encode()
    models.write(layout.photos_manifest_key(plan_id), body, "application/json")
    if priors:
        body = json.dumps(priors_manifest(models, priors)).encode()
        models.write(layout.priors_manifest_key(plan_id), body, "application/json")


def photos_manifest(training_plan: TrainingPlan, uploads_bucket: str) -> list[object]:
    """Return SageMaker's ManifestFile: a common prefix, then the keys below it, each once.

    Points of one sweep share their photos.
    """
    files = dict.fromkeys(file for task in training_plan.tasks for file in files_of(task))
    return [{"prefix": f"s3://{uploads_bucket}/{layout.ACCEPTED_PREFIX}"}, *files]


def files_of(task: TrainingTask) -> list[str]:
    """Return the files that the task needs in the ``photos`` channel."""
    masks = [photo.mask.file for photo in task.photos if photo.mask is not None]
    return [
        *(photo.file for photo in task.photos),
        *masks,
        *(stored.file for stored in task.class_photos),
    ]
