"""Look at trainings, and answer the task tokens of those that have ended.

SageMaker may send several events for one change, send them late, or send none. No rule here trusts
an event: each one reads the current state, and each may be repeated.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime

from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainingEvent, TrainingJobDetail
from contracts.documents.status import TrainingProgress
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from contracts.shared.names import parse_training_job_name
from domain.ports.storage import Storage, find_document, find_readable
from domain.sweeps.progress import raise_sweep_percent
from domain.training.answering import settle, stopped_by
from domain.training.class_images import is_made_class_images, keep_class_images
from domain.training.services import TrainingServices
from domain.training.verdicts import TryAgain, Verdict, verdict_of_job, verdict_of_result


def follow(services: TrainingServices, event: TrainingEvent, now: datetime) -> None:
    """Look at the training job or the object that the event names."""
    if isinstance(event.detail, TrainingJobDetail):
        follow_training_job(services, event.detail.training_job_name, now)
    elif is_made_class_images(event.detail.object.key):
        keep_class_images(services.models, event.detail.object.key)
    elif progress := find_progress(services.models, event.detail.object.key):
        services.jobs.record_progress(progress, now)
        raise_sweep_percent(progress.job_id, services.jobs, now)
    else:
        follow_result(services, event.detail.object.key, now)


def follow_result(services: TrainingServices, key: str, now: datetime) -> None:
    """Answer the job's token after a result.json was written, if the result is final."""
    place = re.fullmatch(layout.models.result_key("([0-9a-f]{32})", "([0-9a-f]{32})"), key)
    record = services.jobs.get(place[2]) if place else None
    if place is None or record is None or record.plan_id != place[1]:
        return
    act(services, record, verdict_of_result(services.models, record), now)


def follow_training_job(services: TrainingServices, name: str, now: datetime) -> None:
    """Answer the tokens of a changed training job's tasks, as far as their outcome is known."""
    named = parse_training_job_name(name)
    if named is None:
        return
    plan = find_document(services.models, layout.models.plan_key(named.plan_id), TrainingPlan)
    if plan is None:
        return
    follow_tasks(services, name, [task.job_id for task in plan.tasks], now)


def reconcile(
    services: TrainingServices, now: datetime, has_time: Callable[[], bool] = lambda: True
) -> None:
    """Look at every training without an outcome, to find what no event announced.

    The training that has been silent for longest comes first. When one round has no time for all,
    the next round still finds the lost ones.
    """
    by_training_job: dict[str, list[str]] = {}
    for record in sorted(services.jobs.in_training(), key=lambda one: one.updated_at):
        by_training_job.setdefault(record.training_job_name or "", []).append(record.job_id)
    for name, job_ids in by_training_job.items():
        if not has_time():
            return
        follow_tasks(services, name, job_ids, now)


def find_progress(models: Storage, key: str) -> TrainingProgress | None:
    """Return the progress that the trainer wrote under this key, if it is a progress key."""
    place = re.fullmatch(layout.models.progress_key("[0-9a-f]{32}", "[0-9a-f]{32}"), key)
    return find_readable(models, key, TrainingProgress) if place else None


def follow_tasks(
    services: TrainingServices, name: str, job_ids: Iterable[str], now: datetime
) -> None:
    """Act on the tasks of one training job whose outcome is known.

    The training job is described before the results are read, so that everything it wrote at its
    end is visible. Records are read again, because an index lags behind its table and the job may
    be in another attempt by now.
    """
    state = services.trainer.describe(name)
    for job_id in job_ids:
        record = services.jobs.get(job_id)
        if record is None or record.training_job_name != name:
            continue
        verdict = verdict_of_result(services.models, record)
        if verdict == "wait":
            verdict = verdict_of_job(record, state, now)
        key = layout.models.progress_key(record.plan_id or job_id, job_id)
        if verdict == "wait" and (progress := find_progress(services.models, key)):
            services.jobs.record_progress(progress, now)
        act(services, record, verdict, now)


def act(services: TrainingServices, record: JobRecord, verdict: Verdict, now: datetime) -> None:
    """Do what the verdict says, as long as the job is in training."""
    if record.queue != "training" or verdict == "wait":
        return
    if record.cancel_requested:
        verdict = stopped_by(record)
    if isinstance(verdict, TryAgain):
        name, (alone, fault) = record.training_job_name or "", verdict
        faults = record.faults if fault is None else (*record.faults, fault)
        services.jobs.requeue(record.job_id, name, now, alone=alone, faults=faults)
        return
    settle(services, record, verdict, now)
