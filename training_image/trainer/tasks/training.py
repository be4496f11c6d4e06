"""Train one user's adapter: from the photos to the adapter files that passed the gate."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from contracts.codes import CODES
from contracts.documents.photos import PhotoVerdict
from contracts.documents.rung import Rung
from contracts.documents.training import (
    GateCandidate,
    GateReport,
    TrainingFailure,
    TrainingMetrics,
    TrainingResult,
    TrainingTask,
)
from contracts.shared.layout.container import ADAPTER_FOLDER, STATE_CHANNEL, STATE_FOLDER
from contracts.shared.steps import StepBudget
from contracts.shared.weights.families import TEXT_TARGETS
from contracts.shared.weights.lora_names import is_of_text
from trainer.config.recipe import Recipe, make_recipe, plan_task
from trainer.evaluation.gate import make_sampling_requests, recognised
from trainer.evaluation.judge import Judge
from trainer.evaluation.marked_pictures import encoder_of
from trainer.evaluation.subjects import Shown
from trainer.evaluation.validation_images import ValidationSampler
from trainer.export.adapter_files import list_files, write_adapter
from trainer.export.delivered_size import refuse_too_large
from trainer.export.model_card import write_card
from trainer.faces.choice import DETECTOR_VARIABLE
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.sampling import cache_prompts
from trainer.optimisation.checkpoint_choice import CheckpointEvaluation, choose
from trainer.optimisation.forecast import forecast
from trainer.optimisation.loop import train
from trainer.optimisation.metrics import TENSORBOARD_FOLDER
from trainer.optimisation.training_run import TrainingOutcome, TrainingRun
from trainer.photos.photos import Photo, split
from trainer.photos.pipeline import make_photo_pipeline, process_photos
from trainer.process.distributed import ProcessGroup
from trainer.process.results import TrainingError, log, write_result
from trainer.tasks.gathering import gather_examples
from trainer.tasks.judging import Judged, failure_of_gate, judge_adapter
from trainer.tasks.shared import (
    Job,
    refuse_unfit,
    sample_prompts_of,
    sampling_requests,
    task_folder,
)


def make_adapter(job: Job, task: TrainingTask) -> TrainingResult:
    """Train the adapter of one task, from its photos to its result."""
    prepared = prepare(job, task)
    networks = attach_adapters(job.base, prepared.run.recipe)
    log_forecast(job, prepared, networks)
    trained = train(job.base, prepared.run, networks, job.limit)
    return finish(job, prepared, networks, trained)


@dataclass(frozen=True)
class PreparedTask:
    """A task whose photos were accepted and whose examples are encoded."""

    task: TrainingTask
    run: TrainingRun
    plan: StepBudget
    reference_photos: list[Photo]
    """The photos that likeness is measured against: held-out ones where possible."""

    learnt_photos: list[Photo]
    """The photos that training sees."""

    photos: tuple[PhotoVerdict, ...]
    """The verdict on each photo of the task."""


def prepare(job: Job, task: TrainingTask) -> PreparedTask:
    """Process and encode all that a task learns from.

    Raises:
        TrainingError: the time is over, a photo, the plan or the base cannot be used, or the
            adapter would be too large.
    """
    if job.limit.training_is_over:
        raise TrainingError("deadline_exceeded", CODES["deadline_exceeded"].text)
    refuse_unfit(task.request, job.base)
    side = task.request.resolution or job.base.card.resolution
    photos, verdicts = process_all(job, task, side)
    learnt, held_out = split(photos)
    accepted = [photo.index for photo in photos]
    plan = plan_task(task, job.base.card, accepted, ProcessGroup.join().world_size)
    recipe = make_recipe(task, job.base.card, plan)
    log_training_summary(recipe, plan)
    refuse_too_large(networks_of(job.base, recipe), recipe)
    reference_photos = [
        photo
        for number in range(len(recipe.subjects))
        for photo in choose_reference_photos(
            job.judge, shown_by(learnt, number), shown_by(held_out, number)
        )
    ]
    run = TrainingRun(
        recipe,
        gather_examples(job, task, recipe, learnt),
        task_folder(job.root, task) / STATE_FOLDER,
        fingerprint(task, recipe, job.base),
        job.root / TENSORBOARD_FOLDER / task.job_id,
        make_sampler(job, task, recipe, reference_photos),
        rung_end=None if task.rung is None else task.rung.last_step,
        earlier=earlier_states(job.root, task),
    )
    if recipe.text_encoder_lr is None:
        requests = sampling_requests(job, task, recipe)
        cache_prompts(job.base, requests.all, recipe.resolution)
    return PreparedTask(task, run, plan, reference_photos, learnt, verdicts)


def finish(
    job: Job, prepared: PreparedTask, networks: lora.Networks, trained: TrainingOutcome
) -> TrainingResult:
    """Write the adapter files, run the gate and commit the result."""
    task, recipe, folder = prepared.task, prepared.run.recipe, task_folder(job.root, prepared.task)
    candidates = choose_checkpoint(job, prepared, networks, trained)
    manifest = write_adapter(folder, job.base, recipe, lora.weights(networks))
    judged = Judged(
        task, recipe, prepared.reference_photos, prepared.learnt_photos, candidates=candidates
    )
    report = judge_adapter(job, judged, networks)
    goes_on = task.rung is not None and not task.rung.is_last
    failure = None if report.passed or goes_on else failure_of(report, trained)
    metrics = metrics_of(trained, prepared.plan, task.rung)
    adapter, plan, verdicts = folder / ADAPTER_FOLDER, prepared.plan, prepared.photos
    write_card(adapter, job.base.card, recipe, metrics, report, plan=plan, photos=verdicts)
    result = TrainingResult(
        job_id=task.job_id,
        status="succeeded" if failure is None else "failed",
        adapter=manifest,
        files=list_files(folder),
        metrics=metrics,
        gate=report,
        photos=prepared.photos,
        curve=trained.curve,
        failure=failure,
    )
    write_result(folder, result)
    if not goes_on:  # the next rung goes on from the last checkpoint
        shutil.rmtree(prepared.run.folder, ignore_errors=True)
    log(f"task {task.job_id} {result.status}")
    return result


def process_all(
    job: Job, task: TrainingTask, side: int
) -> tuple[list[Photo], tuple[PhotoVerdict, ...]]:
    """Process the photos of every subject by its own rules; return them in the task's order.

    Raises:
        TrainingError: as ``process_photos``; too few photos of one subject are too few.
    """
    photos, verdicts = list[Photo](), list[PhotoVerdict]()
    for number, request in enumerate(task.request.of_each()):
        own = tuple(photo for photo in task.photos if photo.subject == number)
        part = task.model_copy(update={"request": request, "photos": own})
        done, judged = process_photos(make_photo_pipeline(job.root, part, side, job.base), job.base)
        photos += [replace(photo, subject=number) for photo in done]
        verdicts += [one.model_copy(update={"subject": number}) for one in judged]
    place = {photo.index: place for place, photo in enumerate(task.photos)}
    photos.sort(key=lambda photo: place[photo.index])
    return photos, tuple(sorted(verdicts, key=lambda one: place[one.index]))


def shown_by(photos: list[Photo], subject: int) -> list[Photo]:
    """Return the photos that show one subject."""
    return [photo for photo in photos if photo.subject == subject]


def choose_reference_photos(
    judge: Judge | None, learnt: list[Photo], held_out: list[Photo]
) -> list[Photo]:
    """Return the held-out photos if somebody is recognised on them; else trained ones."""
    if judge is None or not held_out:
        return held_out or learnt
    return held_out if len(recognised(judge.identities([p.image for p in held_out]))) else learnt


def make_sampler(
    job: Job, task: TrainingTask, recipe: Recipe, reference_photos: list[Photo]
) -> ValidationSampler:
    """Return what draws the validation images of a task."""
    folder = task_folder(job.root, task) / ADAPTER_FOLDER
    photos = tuple(reference_photos)
    prompts = tuple(sample_prompts_of(task))
    encode = encoder_of(task.job_id, task.marks)
    return ValidationSampler(
        job.base, recipe, prompts, folder, job.limit, job.judge, photos, encode, job.checker
    )


def log_training_summary(recipe: Recipe, plan: StepBudget) -> None:
    """Log the size of the training before it costs anything."""
    encoders = "frozen" if recipe.text_encoder_lr is None else "trained"
    log(
        f"plan job_id={recipe.job_id} photos={plan.trained_photos} held_out={plan.held_out} "
        f"class_images={plan.class_images} resolution={recipe.resolution} "
        f"steps={plan.steps} batches={plan.batches} images_per_step={plan.images_per_step} "
        f"images={plan.images} rank={recipe.rank} text_encoders={encoders}"
    )


def log_forecast(job: Job, prepared: PreparedTask, networks: lora.Networks) -> None:
    """Log the expected time and memory, and reserve the time for the gate's images."""
    recipe = prepared.run.recipe
    requests = sampling_requests(job, prepared.task, recipe)
    expected = forecast(job.base, prepared.run, networks, requests)
    job.limit.export_seconds = expected.export_seconds
    log(
        f"forecast job_id={recipe.job_id} seconds_per_step={expected.step_seconds:.3f} "
        f"training_seconds={expected.training_seconds:.0f} "
        f"export_seconds={expected.export_seconds:.0f} "
        f"memory_gib={expected.memory_bytes / 2**30:.2f}"
    )


def attach_adapters(base: Base, recipe: Recipe) -> lora.Networks:
    """Add new adapters to the networks that are trained, and return these networks."""
    networks = networks_of(base, recipe)
    if recipe.text_encoder_lr is not None:
        base.prompt_cache.clear()
    for name, network in networks.items():
        of_text = is_of_text(name)
        lora.attach(
            network,
            name,
            TEXT_TARGETS if of_text else recipe.target_modules,
            rank=recipe.rank_of(name),
            alpha=recipe.alpha_of(name),
            seed=recipe.seed,
            dropout=recipe.lora_dropout,
            dora=recipe.use_dora and not of_text,
            decompose_factor=recipe.decompose_factor if recipe.adapter_type == "lokr" else None,
        )
    return networks


def networks_of(base: Base, recipe: Recipe) -> lora.Networks:
    """Return the networks that are trained, by name."""
    encoders = {} if recipe.text_encoder_lr is None else base.text_encoders()
    return {base.denoiser.name: base.network, **encoders}


def choose_checkpoint(
    job: Job, prepared: PreparedTask, networks: lora.Networks, trained: TrainingOutcome
) -> tuple[GateCandidate, ...]:
    """Load the best candidate weights into ``networks``; the last weights if there is no choice."""
    run = prepared.run
    candidates_by_step = run.candidates()
    if job.judge is None or not candidates_by_step or trained.partial:
        return ()
    evaluation = CheckpointEvaluation(
        run.recipe,
        make_sampling_requests(run.recipe, [], job.judge, job.base.syntax),
        Shown(prepared.reference_photos, prepared.learnt_photos),
        job.judge,
        job.limit,
    )
    candidates_by_step[trained.progress.step] = lora.weights(networks)
    return choose(job.base, networks, candidates_by_step, evaluation)


def failure_of(report: GateReport, trained: TrainingOutcome) -> TrainingFailure:
    """Return the task's failure: the first missed floor.

    An adapter without effect is no fault of the request when the time ended first.
    """
    ran_out = trained.partial and trained.diverged_at is None
    if report.codes[0] == "gate_no_effect" and ran_out:
        code = "deadline_exceeded"
        return TrainingFailure(code=code, message=CODES[code].text)
    return failure_of_gate(report)


def metrics_of(
    trained: TrainingOutcome, plan: StepBudget, rung: Rung | None = None
) -> TrainingMetrics:
    """Return the result's figures about the training.

    The steps before a sweep's rung cost it nothing, unless their checkpoint was gone.
    """
    begun = trained.progress.begun_at
    losses = trained.progress.losses
    last = losses[-max(1, len(losses) // 10) :]
    return TrainingMetrics(
        steps=trained.progress.step,
        images=max(0, trained.progress.step - begun) * plan.images_per_step,
        final_loss=sum(last) / len(last) if last else None,
        train_seconds=trained.progress.seconds,
        repeated_steps=0 if rung is None else max(0, rung.first_step - begun),
        resumed_from_step=trained.resumed_from,
        partial=trained.partial,
        gradient_explosions=trained.progress.gradient_spikes,
        diverged_at_step=trained.diverged_at,
    )


def earlier_states(root: Path, task: TrainingTask) -> Path | None:
    """Return the folder of the checkpoints of the rung before, in its channel; None without."""
    if task.rung is None or task.rung.continues is None:
        return None
    channel = root / "input" / "data" / STATE_CHANNEL
    found = sorted(channel.glob(f"*/checkpoints/{task.rung.continues}/{STATE_FOLDER}"))
    if not found:
        log(f"the checkpoint of the rung before is gone: step 0 is next job_id={task.job_id}")
        return None
    return found[0]


def fingerprint(task: TrainingTask, recipe: Recipe, base: Base) -> str:
    """Return the hash of everything that a checkpoint depends on."""
    given = task.model_dump(mode="json", exclude={"job_id", "rung"})
    if task.rung is not None:  # every rung is a job of its own, with its own price and keys
        recipe = replace(recipe, job_id=task.rung.training_id)
        given.pop("marks")
        given["request"].pop("max_cost_usd")
    finder = os.environ.get(DETECTOR_VARIABLE) or base.card.face_detector
    parts = [asdict(recipe), given, base.card.sha256, finder]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
