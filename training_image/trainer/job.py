"""One SageMaker training job: a plan of tasks, run in turn with the base loaded once."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from contracts.codes import CODES
from contracts.layout import ADAPTER_FOLDER, BASE_CHANNEL, RESULT_FILE
from contracts.training import (
    GateReport,
    TrainingFailure,
    TrainingMetrics,
    TrainingPlan,
    TrainingResult,
    TrainingTask,
)
from trainer import lora
from trainer.base import Base, load_base, read_card
from trainer.export import list_files, write_adapter
from trainer.families import TEXT_TARGETS
from trainer.gate import examine, gather, plan_shots
from trainer.interrupt import TimeLimit
from trainer.judge import Judge, load_judge
from trainer.loop import Examples, Trained, train
from trainer.outcome import (
    InterruptedTrainingError,
    TrainingError,
    describe_failure,
    read_result,
    say,
    write_atomically,
    write_failure,
    write_result,
)
from trainer.photos import Photo, encode_photos, read_photos, split, verdicts
from trainer.plan import Recipe, make_recipe, name_subject, read_plan
from trainer.prior import class_latents, prior_folder
from trainer.sheet import make_sheet

DONE, FAILED, INTERRUPTED = 0, 1, 143
REPORT_FILE, SHEET_FILE = "report.json", "samples.png"


@dataclass(frozen=True)
class Job:
    """What all tasks of one job share."""

    root: Path
    base: Base
    judge: Judge | None
    limit: TimeLimit


def run_job(root: Path) -> int:
    """Run the plan under ``root`` (``/opt/ml``) and return the process's exit code.

    A task that fails says so in its own result; only a job without any success fails as a whole.
    """
    limit = TimeLimit()
    limit.listen()
    try:
        plan = read_plan(root)
    except TrainingError as error:
        write_failure(root, describe_failure(error))
        return FAILED
    limit.deadline_seconds = plan.deadline_seconds
    try:
        results = run_plan(root, plan, limit)
    except InterruptedTrainingError:
        say("interrupted: the state is saved, the next attempt goes on from there")
        return INTERRUPTED
    failures = [result.failure for result in results if result.failure is not None]
    if len(failures) < len(results):
        return DONE
    write_failure(root, failures[0])
    return FAILED


def run_plan(root: Path, plan: TrainingPlan, limit: TimeLimit) -> list[TrainingResult]:
    """Run every task; each result is committed as soon as there is one."""
    try:
        folder = root / "input" / "data" / BASE_CHANNEL
        device = Accelerator().device
        base = load_base(folder, read_card(folder, plan.base_sha256), device)
        judge = load_judge(base)
    except Exception as error:  # noqa: BLE001 (whatever it is, every waiting task hears of it)
        failure = describe_failure(error)
        return [fail_task(root, task, failure) for task in plan.tasks]
    say(f"base {base.card.base_id} revision {base.card.revision} on {device.type}")
    job = Job(root, base, judge, limit)
    return [run_task(job, task) for task in plan.tasks]


def run_task(job: Job, task: TrainingTask) -> TrainingResult:
    """Train one adapter, whatever happens to the others."""
    folder = task_folder(job.root, task)
    earlier = read_result(folder)
    if earlier is not None:
        say(f"task {task.job_id} was finished by an earlier attempt")
        return earlier
    (folder / RESULT_FILE).unlink(missing_ok=True)
    networks: lora.Networks = {"unet": job.base.pipeline.unet}
    try:
        return make_adapter(job, task, networks)
    except InterruptedTrainingError:
        raise
    except Exception as error:  # noqa: BLE001 (one user's trouble is not the next one's)
        return fail_task(job.root, task, describe_failure(error))
    finally:
        lora.detach({**networks, **job.base.text_encoders()})


def make_adapter(job: Job, task: TrainingTask, networks: lora.Networks) -> TrainingResult:
    """Photos, class images, training, files, gate: one task from start to result."""
    base, folder = job.base, task_folder(job.root, task)
    photos = read_photos(job.root, task, task.request.resolution or base.card.resolution)
    learnt, held_out = split(photos)
    recipe = make_recipe(task, base.card, len(learnt))
    say_plan(recipe, len(learnt), len(held_out))
    examples = gather_examples(job, recipe, learnt)
    attach_adapters(base, recipe, networks)
    state = folder / "state"
    trained = train(
        base,
        recipe,
        examples,
        networks,
        state=state,
        fingerprint=fingerprint(task, recipe, base),
        limit=job.limit,
    )

    manifest = write_adapter(folder, base, recipe, lora.weights(networks))
    report = judge_adapter(job, task, networks, recipe, held_out or learnt)
    failure = None if report.passed else gate_failure(report)
    result = TrainingResult(
        job_id=task.job_id,
        status="succeeded" if failure is None else "failed",
        adapter=manifest,
        files=list_files(folder),
        metrics=metrics_of(trained),
        gate=report,
        photos=verdicts(task, recipe.resolution),
        failure=failure,
    )
    write_result(folder, result)
    shutil.rmtree(state, ignore_errors=True)
    say(f"task {task.job_id} {result.status}")
    return result


def say_plan(recipe: Recipe, learnt: int, held_out: int) -> None:
    """Say what is going to happen before it costs anything."""
    in_a_step = recipe.batch_size * (2 if recipe.class_images else 1)
    encoders = "frozen" if recipe.text_encoder_lr is None else "trained"
    say(
        f"plan job_id={recipe.job_id} photos={learnt} held_out={held_out} "
        f"class_images={recipe.class_images} resolution={recipe.resolution} "
        f"steps={recipe.steps} images_per_step={in_a_step} "
        f"images={recipe.steps * in_a_step} rank={recipe.rank} text_encoders={encoders}"
    )


def gather_examples(job: Job, recipe: Recipe, photos: list[Photo]) -> Examples:
    """Encode the photos, and find or make the class images."""
    captions = sorted({photo.caption for photo in photos})
    classes = None
    if recipe.class_images:
        classes = class_latents(
            job.base,
            recipe.class_prompt,
            recipe.class_images,
            recipe.resolution,
            folder=prior_folder(job.root),
            limit=job.limit,
        )
    return Examples(
        photos=encode_photos(job.base, photos),
        prompts=[*captions, recipe.class_prompt],
        photo_rows=torch.tensor([captions.index(photo.caption) for photo in photos]),
        class_latents=classes,
    )


def attach_adapters(base: Base, recipe: Recipe, networks: lora.Networks) -> None:
    """Put the adapters in; ``networks`` then names every network that has one."""
    if recipe.text_encoder_lr is not None:
        networks.update(base.text_encoders())
    for name, network in networks.items():
        targets = recipe.target_modules if name == "unet" else TEXT_TARGETS
        lora.attach(network, name, targets, rank=recipe.rank, alpha=recipe.alpha, seed=recipe.seed)


def judge_adapter(
    job: Job, task: TrainingTask, networks: lora.Networks, recipe: Recipe, photos: list[Photo]
) -> GateReport:
    """Pass the adapter through the gate; leaves ``report.json`` and ``samples.png`` beside it."""
    prompts = [name_subject(prompt, task.request) for prompt in task.request.sample_prompts]
    shots = plan_shots(recipe, prompts, job.judge)
    evidence = gather(job.base, networks, shots, recipe.resolution, job.limit)
    images = [photo.image for photo in photos]
    report = examine(evidence, images, job.judge, job.base.card.gate)
    adapter = task_folder(job.root, task) / ADAPTER_FOLDER
    write_atomically(adapter / REPORT_FILE, report.model_dump_json(indent=2).encode())
    write_atomically(adapter / SHEET_FILE, make_sheet(images, evidence))
    return report


def gate_failure(report: GateReport) -> TrainingFailure:
    """Return the first floor that was missed, as the task's failure."""
    code = report.codes[0]
    return TrainingFailure(code=code, message=CODES[code].text)


def metrics_of(trained: Trained) -> TrainingMetrics:
    """Return what training cost and how it went."""
    losses = trained.progress.losses
    last = losses[-max(1, len(losses) // 10) :]
    return TrainingMetrics(
        steps=trained.progress.step,
        final_loss=sum(last) / len(last) if last else None,
        train_seconds=trained.progress.seconds,
        resumed_from_step=trained.resumed_from,
        partial=trained.partial,
    )


def fail_task(root: Path, task: TrainingTask, failure: TrainingFailure) -> TrainingResult:
    """Commit a task's failure."""
    say(f"task {task.job_id} failed: {failure.code}")
    result = TrainingResult(job_id=task.job_id, status="failed", failure=failure)
    write_result(task_folder(root, task), result)
    return result


def task_folder(root: Path, task: TrainingTask) -> Path:
    """Return where a task's files go; SageMaker mirrors it to S3 while the job runs."""
    return root / "checkpoints" / task.job_id


def fingerprint(task: TrainingTask, recipe: Recipe, base: Base) -> str:
    """Return the hash of all that a saved state depends on."""
    photos = [photo.model_dump(mode="json") for photo in task.photos]
    parts = [asdict(recipe), photos, base.card.sha256]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
