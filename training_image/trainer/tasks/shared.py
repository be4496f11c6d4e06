"""What the tasks of one training job share, and where the files of each task are."""

from dataclasses import dataclass
from pathlib import Path

from contracts.documents.photos import PhotoVerdict
from contracts.documents.training import TrainingFailure, TrainingResult, TrainingTask
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.base_options import unfit_options
from contracts.shared.pictures.safety_stages import Checker
from contracts.shared.words.prompt_limits import unfit_prompts
from contracts.shared.words.prompts import name_subject
from trainer.config.recipe import Recipe
from trainer.evaluation.gate import SamplingRequests, make_sampling_requests
from trainer.evaluation.judge import Judge
from trainer.model.base import Base
from trainer.process.results import TrainingError, log, write_result
from trainer.process.time_limit import TimeLimit


@dataclass(frozen=True)
class Job:
    """What all tasks of one job share."""

    root: Path
    base: Base
    judge: Judge | None
    limit: TimeLimit
    checker: Checker | None = None
    """The stages that look at pictures before people do; None: the stack has named none."""


def sample_prompts_of(task: TrainingTask) -> list[str]:
    """Return the request's sample prompts, with the placeholders replaced."""
    request = task.request
    return [name_subject(prompt, request.trigger_word) for prompt in request.sample_prompts]


def sampling_requests(job: Job, task: TrainingTask, recipe: Recipe) -> SamplingRequests:
    """Return what the gate samples for a task; its prompts are read as the endpoint reads them."""
    return make_sampling_requests(recipe, sample_prompts_of(task), job.judge, job.base.syntax)


def refuse_unfit(request: TrainingRequest, base: Base) -> None:
    """Refuse options that mean nothing on this base, and prompts that the endpoint refuses.

    AcceptRequest has done so where it could: it knows CLIP's tokenizer and no other.

    Raises:
        TrainingError: ``option_not_for_base`` or ``prompt_not_drawable``; the message names each
            field and the reason.
    """
    found = {
        "option_not_for_base": unfit_options(request, base.card),
        "prompt_not_drawable": unfit_prompts(request, base.card.family, base.reader),
    }
    for code, unfit in found.items():
        if unfit:
            message = "; ".join(f"{name}: {why}" for name, why in unfit.items())
            raise TrainingError(code, message)


def fail_task(
    root: Path,
    task: TrainingTask,
    failure: TrainingFailure,
    photos: tuple[PhotoVerdict, ...] = (),
) -> TrainingResult:
    """Commit a task's failure; ``photos`` has the verdicts if photos are the reason."""
    log(f"task {task.job_id} failed: {failure.code} job_id={task.job_id}")
    result = TrainingResult(job_id=task.job_id, status="failed", photos=photos, failure=failure)
    write_result(task_folder(root, task), result)
    return result


def task_folder(root: Path, task: TrainingTask) -> Path:
    """Return the folder of a task's files; SageMaker mirrors it to S3 during the job."""
    return root / "checkpoints" / task.job_id
