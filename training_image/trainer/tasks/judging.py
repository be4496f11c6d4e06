"""The gate's verdict on the adapter of one task, with the files that show it to people."""

from dataclasses import dataclass, field

from contracts.codes import CODES
from contracts.documents.training import (
    GateCandidate,
    GateReport,
    TrainingFailure,
    TrainingTask,
)
from contracts.shared.layout.container import ADAPTER_FOLDER
from trainer.config.recipe import Recipe
from trainer.evaluation.contact_sheet import make_contact_sheet
from trainer.evaluation.gate import draw_evidence
from trainer.evaluation.marked_pictures import encoder_of
from trainer.evaluation.ranking import file_of
from trainer.evaluation.safety import show, withheld_of
from trainer.evaluation.subjects import Shown, examine_subjects
from trainer.model import lora
from trainer.model.sampling import to_images
from trainer.photos.photos import Photo
from trainer.process.results import log, write_atomically
from trainer.tasks.shared import Job, sampling_requests, task_folder

REPORT_FILE, SHEET_FILE = "report.json", "samples.png"


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
    requests = sampling_requests(job, task, recipe)
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


def failure_of_gate(report: GateReport) -> TrainingFailure:
    """Return the first missed floor as a failure."""
    code = report.codes[0]
    return TrainingFailure(code=code, message=CODES[code].text)
