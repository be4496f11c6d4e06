"""One task: from a user's photos to the adapter files that passed the gate."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from contracts.base import BaseCard
from contracts.codes import CODES
from contracts.documents.class_images import ClassImageOrder
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
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.base_options import unfit_options
from contracts.shared.layout import ADAPTER_FOLDER, STATE_CHANNEL, STATE_FOLDER
from contracts.shared.pictures.safety_stages import Checker
from contracts.shared.steps import StepBudget
from contracts.shared.weights.lora_names import is_of_text
from contracts.shared.words.prompts import name_subject
from trainer.config.recipe import Recipe, make_recipe, plan_task
from trainer.evaluation.contact_sheet import make_contact_sheet
from trainer.evaluation.gate import draw_evidence, make_sampling_requests, recognised
from trainer.evaluation.judge import Judge
from trainer.evaluation.marked_pictures import encoder_of
from trainer.evaluation.ranking import file_of
from trainer.evaluation.safety import show, withheld_of
from trainer.evaluation.subjects import Shown, examine_subjects
from trainer.evaluation.validation_images import ValidationSampler
from trainer.examples.batches import Examples
from trainer.examples.class_images import (
    ClassImagePaths,
    ClassImages,
    joined,
    load_or_generate,
)
from trainer.examples.own_class_images import encode_class_photos, read_class_photos
from trainer.examples.sizes import Dataset, encode_sizes
from trainer.export.adapter_files import list_files, write_adapter
from trainer.export.model_card import write_card
from trainer.faces.choice import DETECTOR_VARIABLE
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.sampling import cache_prompts, to_images
from trainer.model.text import TEXT_TARGETS
from trainer.optimisation.checkpoint_choice import CheckpointEvaluation, choose
from trainer.optimisation.forecast import forecast
from trainer.optimisation.loop import train
from trainer.optimisation.metrics import TENSORBOARD_FOLDER
from trainer.optimisation.training_run import TrainingOutcome, TrainingRun
from trainer.photos.photos import Photo, encode_photos, split
from trainer.photos.pipeline import make_photo_pipeline, process_photos
from trainer.process.distributed import ProcessGroup
from trainer.process.results import TrainingError, log, write_atomically, write_result
from trainer.process.time_limit import TimeLimit

REPORT_FILE, SHEET_FILE = "report.json", "samples.png"


@dataclass(frozen=True)
class Job:
    """What all tasks of one job share."""

    root: Path
    base: Base
    judge: Judge | None
    limit: TimeLimit
    checker: Checker | None = None
    """The stages that look at pictures before people do; None: the stack has named none."""


def make_adapter(job: Job, task: TrainingTask) -> TrainingResult:
    """Run one task from its photos to its result."""
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
        TrainingError: the time is over, or a photo, the plan or the base cannot be used.
    """
    if job.limit.training_is_over:
        raise TrainingError("deadline_exceeded", CODES["deadline_exceeded"].text)
    refuse_unfit(task.request, job.base.card)
    side = task.request.resolution or job.base.card.resolution
    photos, verdicts = process_all(job, task, side)
    learnt, held_out = split(photos)
    accepted = [photo.index for photo in photos]
    plan = plan_task(task, job.base.card, accepted, ProcessGroup.join().world_size)
    recipe = make_recipe(task, job.base.card, plan)
    log_training_summary(recipe, plan)
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
        requests = make_sampling_requests(recipe, sample_prompts_of(task), job.judge)
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


def refuse_unfit(request: TrainingRequest, card: BaseCard) -> None:
    """Refuse options that mean nothing on this base, as AcceptRequest does.

    Raises:
        TrainingError: ``option_not_for_base``; the message names each option and the reason.
    """
    unfit = unfit_options(request, card)
    if unfit:
        message = "; ".join(f"{name}: {why}" for name, why in unfit.items())
        raise TrainingError("option_not_for_base", message)


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
    """Return the photos of one subject."""
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


def sample_prompts_of(task: TrainingTask) -> list[str]:
    """Return the request's sample prompts, with the placeholders replaced."""
    request = task.request
    return [name_subject(prompt, request.trigger_word) for prompt in request.sample_prompts]


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
    requests = make_sampling_requests(recipe, sample_prompts_of(prepared.task), job.judge)
    expected = forecast(job.base, prepared.run, networks, requests)
    job.limit.export_seconds = expected.export_seconds
    log(
        f"forecast job_id={recipe.job_id} seconds_per_step={expected.step_seconds:.3f} "
        f"training_seconds={expected.training_seconds:.0f} "
        f"export_seconds={expected.export_seconds:.0f} "
        f"memory_gib={expected.memory_bytes / 2**30:.2f}"
    )


def gather_examples(job: Job, task: TrainingTask, recipe: Recipe, photos: list[Photo]) -> Examples:
    """Encode the photos, and load or generate the class images."""
    captions = [caption_with_circumstances(photo, job.judge) for photo in photos]
    own = gather_class(job, task, recipe)
    no_words = [""] if recipe.caption_dropout_rate else []
    prompts = list(dict.fromkeys(captions + own.captions + no_words))
    rows = [prompts.index(caption) for caption in captions]
    photo_buckets = encode_sizes(job.base, recipe, Dataset(task, photos, rows))
    examples = Examples(
        photos=photo_buckets[0].photos if photo_buckets else encode_photos(job.base, photos),
        prompts=prompts,
        photo_rows=rows,
        photo_buckets=photo_buckets,
        class_latents=own.latents,
        class_rows=[prompts.index(caption) for caption in own.captions],
        class_time_ids=own.time_ids,
        generated=own.generated,
        class_numbers=own.numbers,
        photo_classes=[recipe.class_of(photo.subject) for photo in photos],
        empty_prompt_row=prompts.index("") if no_words else None,
    )
    if recipe.text_encoder_lr is not None:
        return examples
    return replace(examples, text=examples.encode_frozen(job.base))


@dataclass(frozen=True)
class ClassExamples:
    """The class images of a task, encoded; all empty without prior preservation."""

    latents: Tensor | None = None
    """(M, C, H, W), scaled."""
    captions: list[str] = field(default_factory=list)
    time_ids: Tensor | None = None
    """(M, 6), SDXL's time ids; None when no image was cropped."""
    generated: ClassImages | None = None
    """The sets that the base drew, as one; None for the user's own class images."""
    numbers: list[int] = field(default_factory=list)
    """For each image, the index of its class; empty: there is one class."""


def gather_class(job: Job, task: TrainingTask, recipe: Recipe) -> ClassExamples:
    """Return the class images of a task.

    The user's own class images are used if there are any. Otherwise the base generates a set for
    each class prompt.

    Raises:
        TrainingError: ``plan_invalid``; own class images do not say which of the classes they show.
    """
    if recipe.class_images == 0:
        return ClassExamples()
    if task.class_photos and len(recipe.class_prompts) > 1:
        raise TrainingError("plan_invalid", "own class images belong to one class prompt")
    if task.class_photos:
        photos = read_class_photos(job.root, task.class_photos, recipe.resolution)
        images = [photo.image for photo in photos]
        circumstances = ["" if job.judge is None else job.judge.describe(image) for image in images]
        captions = [
            f"{recipe.class_prompt}, {w}" if w else recipe.class_prompt for w in circumstances
        ]
        log(f"class images: {len(images)} of the user's own")
        latents = encode_class_photos(job.base, recipe, images)
        ids = torch.tensor([photo.time_ids for photo in photos])
        return ClassExamples(latents, captions, ids)
    sets = [draw_class(job, recipe, prompt) for prompt in recipe.class_prompts]
    count = range(recipe.class_images)
    captions = [one.prompts[i % len(one.prompts)] for one in sets for i in count]
    numbers = [number for number in range(len(sets)) for _ in count]
    generated = joined(sets)
    return ClassExamples(generated.latents, captions, None, generated, numbers)


def draw_class(job: Job, recipe: Recipe, class_prompt: str) -> ClassImages:
    """Return the class images of one class prompt, which the base draws."""
    order = ClassImageOrder(
        class_prompt=class_prompt, resolution=recipe.resolution, count=recipe.class_images
    )
    prompts, paths = prompt_variants(class_prompt, job.judge), ClassImagePaths.of(job.root)
    return load_or_generate(job.base, order, prompts, paths, job.limit)


def caption_with_circumstances(photo: Photo, judge: Judge | None) -> str:
    """Return a photo's caption; the judge adds the circumstances if the user wrote no caption.

    What a caption names is not learnt as part of the trigger word.
    """
    circumstances = "" if judge is None or photo.has_own_caption else judge.describe(photo.image)
    return f"{photo.caption}, {circumstances}" if circumstances else photo.caption


def prompt_variants(prompt: str, judge: Judge | None) -> list[str]:
    """Return a prompt as it is, and once with each circumstance that the judge knows."""
    return [
        prompt,
        *(
            f"{prompt}, {circumstances}"
            for circumstances in (judge.circumstances(prompt) if judge else ())
        ),
    ]


def attach_adapters(base: Base, recipe: Recipe) -> lora.Networks:
    """Add new adapters to the networks that are trained, and return these networks."""
    networks: lora.Networks = {base.denoiser.name: base.network}
    if recipe.text_encoder_lr is not None:
        networks |= base.text_encoders()
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
        make_sampling_requests(run.recipe, [], job.judge),
        Shown(prepared.reference_photos, prepared.learnt_photos),
        job.judge,
        job.limit,
    )
    candidates_by_step[trained.progress.step] = lora.weights(networks)
    return choose(job.base, networks, candidates_by_step, evaluation)


@dataclass(frozen=True)
class Judged:
    """What the gate needs to know of an adapter; an import has no photos."""

    task: TrainingTask
    recipe: Recipe
    photos: list[Photo] = field(default_factory=list)
    """The photos that likeness is measured against: held-out ones where possible."""
    learnt: list[Photo] = field(default_factory=list)
    """The photos that training has seen."""
    candidates: tuple[GateCandidate, ...] = ()


def judge_adapter(job: Job, judged: Judged, networks: lora.Networks) -> GateReport:
    """Run the gate on the adapter.

    Writes ``report.json``, ``samples.png`` and the images of the request's sample prompts.
    """
    task, recipe, photos = judged.task, judged.recipe, judged.photos
    requests = make_sampling_requests(recipe, sample_prompts_of(task), job.judge)
    evidence = draw_evidence(job.base, networks, requests, recipe.resolution, job.limit)
    shown = Shown(photos, judged.learnt)
    report = examine_subjects(evidence, recipe, shown, job.judge, job.base.card.gate)
    seen = {photo.index for photo in judged.learnt}
    unseen = bool(photos) and not any(photo.index in seen for photo in photos)
    report = report.model_copy(
        update={"candidates": judged.candidates, "identity_held_out": unseen}
    )
    log_gate_report(recipe, report)
    without = show(to_images(evidence.without), job.checker)
    adapted = show(to_images(evidence.with_adapter), job.checker)
    report = report.model_copy(update=withheld_of(without, adapted))
    adapter = task_folder(job.root, task) / ADAPTER_FOLDER
    write_atomically(adapter / REPORT_FILE, report.model_dump_json(indent=2).encode())
    encode = encoder_of(task.job_id, task.marks)
    sheet = make_contact_sheet(evidence, encode, (without.images, adapted.images))
    write_atomically(adapter / SHEET_FILE, sheet)
    for number, picture in enumerate(adapted.images[evidence.sample_prompts()]):
        write_atomically(adapter / file_of(number), encode(picture))
    return report


def log_gate_report(recipe: Recipe, report: GateReport) -> None:
    """Log the gate's metrics in the form that SageMaker's MetricDefinitions parse."""
    measured = report.model_dump(include={"effect", "identity", "prompt_following", "class_drift"})
    figures = [f"{name}={value:.4f}" for name, value in measured.items() if value is not None]
    log(f"gate {' '.join(figures)} job_id={recipe.job_id}")


def failure_of(report: GateReport, trained: TrainingOutcome) -> TrainingFailure:
    """Return the task's failure: the first missed floor.

    An adapter without effect is no fault of the request when the time ended first.
    """
    ran_out = trained.partial and trained.diverged_at is None
    if report.codes[0] == "gate_no_effect" and ran_out:
        code = "deadline_exceeded"
        return TrainingFailure(code=code, message=CODES[code].text)
    return failure_of_gate(report)


def failure_of_gate(report: GateReport) -> TrainingFailure:
    """Return the first missed floor as a failure."""
    code = report.codes[0]
    return TrainingFailure(code=code, message=CODES[code].text)


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
