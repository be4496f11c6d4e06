"""Run the tasks of one host: each alone, or several users in one step.

A task's failure becomes its own result, and the other tasks go on.
"""

import sys
from collections import deque
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from contracts.documents.training import TrainingResult, TrainingTask
from contracts.shared.layout.container import RESULT_FILE
from trainer.config.sharing import can_share_step
from trainer.model import lora
from trainer.optimisation.multi_user import UserResult, train_users
from trainer.optimisation.training_run import TrainingOutcome
from trainer.process.launch import is_worker
from trainer.process.results import (
    PreemptedError,
    TrainingError,
    describe_failure,
    log,
    log_context,
    read_result,
    verdicts_of,
)
from trainer.tasks.importing import import_adapter
from trainer.tasks.shared import Job, fail_task, task_folder
from trainer.tasks.training import PreparedTask, attach_adapters, finish, make_adapter, prepare

WORKER_FAILED = 1
"""Exit code of a worker that failed: the launcher then ends the other workers."""

PREPARED = 2
"""Largest number of prepared users, as a multiple of the users of one step. It is above 1, since a
user may have other options than the next step."""


def run_tasks(job: Job, tasks: list[TrainingTask], users_per_step: int) -> list[TrainingResult]:
    """Run the tasks of this host; each result is committed as soon as it exists."""
    earlier = [result for task in tasks if (result := read_earlier_result(job, task)) is not None]
    done = {result.job_id for result in earlier}
    tasks = [task for task in tasks if task.job_id not in done]
    earlier += [run_import(job, task) for task in tasks if task.adapter is not None]
    tasks = [task for task in tasks if task.adapter is None]
    if users_per_step > 1:
        return earlier + run_multi_user(job, tasks, users_per_step)
    return earlier + [run_task(job, task) for task in tasks]


def read_earlier_result(job: Job, task: TrainingTask) -> TrainingResult | None:
    """Return the result of an earlier attempt; delete a failed or incomplete one."""
    folder = task_folder(job.root, task)
    earlier = read_result(folder)
    if earlier is None:
        (folder / RESULT_FILE).unlink(missing_ok=True)
    else:
        log(f"task {task.job_id} was finished by an earlier attempt job_id={task.job_id}")
    return earlier


def run_task(job: Job, task: TrainingTask) -> TrainingResult:
    """Train one adapter; its failure does not affect other tasks."""
    return contain_failure(job, task, lambda: make_adapter(job, task))


def run_import(job: Job, task: TrainingTask) -> TrainingResult:
    """Convert and judge one LoRA that another tool has trained."""
    return contain_failure(job, task, lambda: import_adapter(job, task))


def contain_failure(
    job: Job, task: TrainingTask, work: Callable[[], TrainingResult]
) -> TrainingResult:
    """Do a task's work; turn an exception into the task's result, and detach the adapters."""
    with log_context(job_id=task.job_id):
        return _contain_failure(job, task, work)


def _contain_failure(
    job: Job, task: TrainingTask, work: Callable[[], TrainingResult]
) -> TrainingResult:
    try:
        return work()
    except PreemptedError:
        raise
    except Exception as error:  # noqa: BLE001 (becomes this task's result)
        failed = fail_task(job.root, task, describe_failure(error), verdicts_of(error))
        if is_worker() and not isinstance(error, TrainingError):
            sys.exit(WORKER_FAILED)  # the other ranks would wait for this one
        return failed
    finally:
        lora.detach(job.base.networks())


def run_multi_user(
    job: Job, tasks: list[TrainingTask], users_per_step: int
) -> list[TrainingResult]:
    """Train up to ``users_per_step`` users in one step; the others are trained alone.

    No more users are prepared than the next step may need: their examples take memory.
    """
    results: list[TrainingResult] = []
    left, waiting = deque(tasks), list[PreparedTask]()
    while left or waiting:
        while left and len(waiting) < PREPARED * users_per_step:
            if len(first_group(waiting)) == users_per_step:
                break
            prepared = prepare_or_fail(job, left.popleft())
            if isinstance(prepared, PreparedTask):
                waiting.append(prepared)
            else:
                results.append(prepared)
        group = first_group(waiting)[:users_per_step]
        results += run_group(job, group)
        waiting = [prepared for prepared in waiting if prepared not in group]
    return results


def first_group(waiting: list[PreparedTask]) -> list[PreparedTask]:
    """Return the users that can share a step with the first one, who comes first.

    A rung of a sweep shares no step: it goes on from a step of its own.
    """
    if not waiting:
        return []
    first, *others = waiting
    if first.task.rung is not None:
        return [first]
    others = [other for other in others if other.task.rung is None]
    recipe = first.run.recipe
    return [first, *(other for other in others if can_share_step(recipe, other.run.recipe))]


def prepare_or_fail(job: Job, task: TrainingTask) -> PreparedTask | TrainingResult:
    """Prepare a task; return its failed result if that does not succeed."""
    with log_context(job_id=task.job_id):
        try:
            return prepare(job, task)
        except PreemptedError:
            raise
        except Exception as error:  # noqa: BLE001 (as in contain_failure)
            return fail_task(job.root, task, describe_failure(error), verdicts_of(error))


def run_group(job: Job, group: list[PreparedTask]) -> list[TrainingResult]:
    """Train users in one step and finish each task; a group that does not fit is halved."""
    if len(group) == 1:
        return [run_task(job, group[0].task)]
    log(f"multi-user step users={len(group)}")
    answers = try_group(job, group)
    if answers is None:
        half = len(group) // 2
        return run_group(job, group[:half]) + run_group(job, group[half:])
    results = []
    for prepared, answer in zip(group, answers, strict=True):
        if isinstance(answer, TrainingError):
            results.append(fail_task(job.root, prepared.task, describe_failure(answer)))
        else:
            work = partial(finish_user, job, prepared, *answer)
            results.append(contain_failure(job, prepared.task, work))
    return results


def try_group(job: Job, group: list[PreparedTask]) -> list[UserResult] | None:
    """Train users in one step; return None when the GPU has too little memory for all of them."""
    try:
        return train_users(job.base, [prepared.run for prepared in group], job.limit)
    except torch.OutOfMemoryError:
        log(f"out of memory with {len(group)} users in one step: half of them are tried")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def finish_user(
    job: Job, prepared: PreparedTask, trained: TrainingOutcome, weights: dict[str, Tensor]
) -> TrainingResult:
    """Load one user's trained weights into the base and finish the task."""
    networks = attach_adapters(job.base, prepared.run.recipe)
    lora.restore(networks, weights)
    return finish(job, prepared, networks, trained)
