"""One SageMaker training job: the tasks of a plan, with the base loaded once."""

from pathlib import Path

from contracts.documents.training import TrainingPlan, TrainingResult, TrainingTask
from contracts.documents.upload.options import Precision
from contracts.shared.layout.container import BASE_CHANNEL
from trainer.config.recipe import read_plan
from trainer.evaluation.judge import load_judge
from trainer.evaluation.safety import load_checker
from trainer.examples.class_images import ClassImagePaths, load_or_generate, prompt_variants
from trainer.model.base import load_base, read_card
from trainer.process.distributed import ProcessGroup
from trainer.process.resources import Machine
from trainer.process.results import (
    PreemptedError,
    TrainingError,
    describe_failure,
    log,
    log_context,
    write_failure,
)
from trainer.process.time_limit import TimeLimit
from trainer.process.watchdog import watchdog
from trainer.tasks.captioning import describe_photos
from trainer.tasks.running import run_tasks
from trainer.tasks.shared import Job, fail_task

DONE, FAILED, PREEMPTED = 0, 1, 143


def run_job(root: Path) -> int:
    """Run the plan under ``root`` (``/opt/ml``) and return the process's exit code.

    A failed task has a result of its own. The job fails only when no task succeeds; a host of
    several fails never when its tasks have results, since SageMaker would stop the other hosts.
    """
    limit = TimeLimit()
    limit.install_signal_handler()
    try:
        plan, machine = read_plan(root), Machine.read(root)
        tasks = machine.tasks_of_this_host(plan)
        with log_context(plan_id=plan.plan_id):
            log(machine.check_gpu())
    except TrainingError as error:
        write_failure(root, describe_failure(error))
        return FAILED
    limit.deadline_seconds = plan.deadline_seconds
    with log_context(plan_id=plan.plan_id):
        try:
            return _run(root, plan, tasks, machine, limit)
        except PreemptedError:
            log("preempted: a checkpoint is saved, and the next attempt resumes from it")
            return PREEMPTED
        except OSError as error:  # the results cannot be written
            write_failure(root, describe_failure(error))
            return FAILED


def _run(
    root: Path, plan: TrainingPlan, tasks: list[TrainingTask], machine: Machine, limit: TimeLimit
) -> int:
    if plan.captions_only:
        return run_captions(root, tasks, machine, limit)
    results: list[TrainingResult] = []
    for precision, group in by_precision(tasks).items():
        try:
            results += run_precision_group(root, plan, machine, limit, (precision, group))
        except PreemptedError:
            raise
        except Exception as error:  # noqa: BLE001 (every waiting task gets a result)
            failure = describe_failure(error)
            results += [fail_task(root, task, failure) for task in group]
            if not group:
                write_failure(root, failure)
                return FAILED
    failures = [result.failure for result in results if result.failure is not None]
    if not results or len(failures) < len(results) or len(machine.hosts) > 1:
        return DONE
    write_failure(root, failures[0])
    return FAILED


def run_captions(root: Path, tasks: list[TrainingTask], machine: Machine, limit: TimeLimit) -> int:
    """Describe the photos of the plan's task; no base is loaded, and nothing is trained."""
    try:
        with watchdog(limit, machine.watchdog_seconds):
            for task in tasks:
                with log_context(job_id=task.job_id):
                    describe_photos(root, task, limit)
    except PreemptedError:
        raise
    except Exception as error:  # noqa: BLE001 (becomes the job's reason)
        write_failure(root, describe_failure(error))
        return FAILED
    return DONE


PrecisionGroup = tuple[Precision | None, list[TrainingTask]]


def by_precision(tasks: list[TrainingTask]) -> dict[Precision | None, list[TrainingTask]]:
    """Group the tasks by precision; the base is loaded once for each group."""
    groups: dict[Precision | None, list[TrainingTask]] = {}
    for task in tasks:
        groups.setdefault(task.request.mixed_precision, []).append(task)
    return groups or {None: []}


def run_precision_group(
    root: Path, plan: TrainingPlan, machine: Machine, limit: TimeLimit, group: PrecisionGroup
) -> list[TrainingResult]:
    """Run the tasks of one precision."""
    precision, tasks = group
    job = open_job(root, plan, machine, limit, precision)
    with watchdog(limit, machine.watchdog_seconds):
        return run_tasks(job, tasks, machine.users_per_step)


def open_job(
    root: Path, plan: TrainingPlan, machine: Machine, limit: TimeLimit, precision: Precision | None
) -> Job:
    """Verify and load the base, and generate the class images that the plan orders."""
    folder = root / "input" / "data" / BASE_CHANNEL
    device = ProcessGroup.join().accelerator.device
    card = read_card(folder, plan.base_sha256)
    base = load_base(folder, card, device, machine.dtype(device, precision))
    if machine.gradient_checkpointing:
        base.network.enable_gradient_checkpointing()
    judge = load_judge(base)
    log(f"base {card.base_id} revision {card.revision} on {device.type}")
    for order in plan.class_images:
        load_or_generate(
            base, order, prompt_variants(order.class_prompt, judge), ClassImagePaths.of(root), limit
        )
    return Job(root, base, judge, limit, load_checker(root, plan.safety))
