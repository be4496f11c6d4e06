"""A sweep in memory, from its upload to its message, with the rules that really run."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.documents.package import ModelPackage, WarmModelReport
from contracts.documents.stages import (
    Failure,
    NotifyFailureInput,
    NotifyOwnerInput,
    PlanSweepInput,
    RankSweepInput,
    TrainAdapterInput,
    TrainingEvent,
    TrialOutcome,
)
from contracts.documents.status import TrainingProgress
from contracts.documents.sweep import SweepReport, SweepTrials
from contracts.documents.training import (
    GateReport,
    TrainedAdapter,
    TrainingFailure,
    TrainingMetrics,
    TrainingResult,
)
from contracts.shared import layout
from domain.intake.accepting import accept_request
from domain.intake.inspection import inspect_photos
from domain.intake.services import IntakeServices
from domain.notices.notices import notify_failure, notify_owner
from domain.notices.services import NoticeServices
from domain.ports.storage import read_document, write_document
from domain.pricing.agreement import PricingServices, agree_on_price
from domain.sweeps.sweep import plan_sweep, rank_sweep
from domain.training.following import follow, follow_result
from domain.training.launching import launch
from domain.training.queueing import queue_for_training
from domain.training.services import LaunchServices, TrainingServices
from tests.fakes.callbacks import MemoryCallbacks
from tests.fakes.intake import NOW, REQUEST, announced, memory_intake, put_upload
from tests.fakes.models import MemoryModels
from tests.fakes.notifier import MemoryNotifier
from tests.fakes.training import MemoryTrainer
from tests.unit.domain.test_inspection import PlainDecoder, inspection_of
from tests.unit.domain.test_notices import ARN, PHOTOS
from tests.unit.training_kit import SETTINGS

INSTANCE = "ml.g5.2xlarge"
GRID = {"learning_rate": [1e-4, 1e-3], "rank": [4, 8]}
NAMES = ["lr1e-4-rank4", "lr1e-4-rank8", "lr1e-3-rank4", "lr1e-3-rank8"]
CHILD = "arn:execution:child"


@dataclass
class Sweep:
    """One upload with a grid, in memory."""

    fields: dict[str, Any] = field(default_factory=dict)
    intake: IntakeServices = field(default_factory=memory_intake)
    trainer: MemoryTrainer = field(default_factory=MemoryTrainer)
    callbacks: MemoryCallbacks = field(default_factory=MemoryCallbacks)
    notifier: MemoryNotifier = field(default_factory=MemoryNotifier)
    models: MemoryModels = field(default_factory=MemoryModels)
    decoder: PlainDecoder = field(default_factory=PlainDecoder)

    def __post_init__(self) -> None:
        fields = REQUEST | {"sweep": GRID} | self.fields
        key = put_upload(self.intake, PHOTOS, fields)
        self.job = accept_request(announced(key, ARN), self.intake, NOW).job
        self.photos = inspect_photos(self.job, inspection_of(self.intake, self.decoder), NOW)

    @property
    def services(self) -> TrainingServices:
        jobs, models = self.intake.jobs, self.intake.models
        return TrainingServices(jobs, models, self.trainer, self.callbacks)

    @property
    def notice_services(self) -> NoticeServices:
        return NoticeServices(self.intake.models, self.intake.jobs, self.notifier)

    def plan(self, outcomes: tuple[TrialOutcome, ...] = ()) -> SweepTrials:
        bases = self.intake.bases.storage
        services = PricingServices(self.intake.jobs, self.intake.models, bases, INSTANCE)
        given = PlanSweepInput(
            job=self.job, photos=self.photos, execution_arn=CHILD, outcomes=outcomes
        )
        return plan_sweep(given, services, NOW)

    def enter(self, planned: SweepTrials, attempt: int = 1) -> None:
        """Let every trial wait, as the Map does."""
        for trial in planned.trials:
            token = self.callbacks.wait(f"{trial.name}#{attempt}")
            given = TrainAdapterInput(job=trial.job, photos=self.photos, task_token=token)
            jobs, models, bases = self.intake.jobs, self.intake.models, self.intake.bases.storage
            agree_on_price(trial.job.job_id, PricingServices(jobs, models, bases, INSTANCE))
            queue_for_training(given, jobs, models, self.callbacks, NOW)

    def launch(self, quota: int = 10, max_batch: int = 1) -> list[str]:
        settings = replace(SETTINGS, quota=quota, max_batch=max_batch)
        return launch(LaunchServices(self.services, self.intake.bases.storage, settings), NOW)

    def train(self, planned: SweepTrials, **gates: float | str) -> None:
        """Let the trainer leave each trial's result: a likeness, or a code of failure."""
        for trial in planned.trials:
            record = self.intake.jobs.get(trial.job.job_id)
            assert record is not None
            gate = gates.get(trial.name.replace("-", "_"), 0.5)
            failed = isinstance(gate, str)
            result = TrainingResult(
                job_id=record.job_id,
                training_job_name=record.training_job_name,
                status="failed" if failed else "succeeded",
                gate=None if isinstance(gate, str) else gate_of(gate),
                metrics=TrainingMetrics(steps=10, final_loss=0.1, train_seconds=1),
                failure=TrainingFailure(code=gate, message="x") if isinstance(gate, str) else None,
            )
            key = layout.models.result_key(str(record.plan_id), record.job_id)
            write_document(self.intake.models, key, result)
            follow_result(self.services, key, NOW)

    def report_progress(self, job_id: str, step: int, total: int) -> None:
        """Do as the trainer does on its way, and S3's event after it."""
        record = self.intake.jobs.get(job_id)
        assert record is not None
        progress = TrainingProgress(
            job_id=job_id, training_job_name=record.training_job_name,
            step=step, total_steps=total, eta_seconds=1,
        )  # fmt: skip
        key = layout.models.progress_key(str(record.plan_id), job_id)
        write_document(self.intake.models, key, progress)
        detail = {"bucket": {"name": "models"}, "object": {"key": key}}
        follow(self.services, TrainingEvent.model_validate({"detail": detail}), NOW)

    def outcomes(self, planned: SweepTrials, attempt: int = 1) -> RankSweepInput:
        """What the Map hands on."""
        outcomes = []
        for trial in planned.trials:
            answer = self.callbacks.answers[f"{trial.name}#{attempt}"]
            if answer.error is None:
                trained = TrainedAdapter.model_validate_json(answer.text)
                outcomes.append(TrialOutcome(name=trial.name, job=trial.job, trained=trained))
            else:
                failure = Failure(Error=answer.error, Cause=answer.text)
                outcomes.append(TrialOutcome(name=trial.name, job=trial.job, failure=failure))
        return RankSweepInput(job=self.job, outcomes=tuple(outcomes))

    def rank(self, planned: SweepTrials, attempt: int = 1) -> tuple[str, TrainedAdapter]:
        given = self.outcomes(planned, attempt)
        best = rank_sweep(given, self.intake.jobs, self.intake.models, NOW)
        return best.name, best.trained

    def deliver(self, trained: TrainedAdapter) -> None:
        job_id, name = self.job.job_id, f"{self.job.job_id}-{'a' * 12}.tar.gz"
        package = ModelPackage(
            job_id=job_id, target_model=name, uri=self.intake.models.uri(f"endpoint/{name}"),
            sha256="1" * 64, weights_sha256="a" * 64, trigger_word="sks",
        )  # fmt: skip
        warm = WarmModelReport(job_id=job_id, target_model=name, seconds=1, endpoint_name="e")
        given = NotifyOwnerInput(job=self.job, trained=trained, package=package, warm=warm)
        notify_owner(given, self.notice_services, self.models, NOW)

    def fail(self, error: Exception) -> None:
        """What train_adapter's Catch hands on when the nested execution failed."""
        inner = {"errorType": type(error).__name__, "errorMessage": str(error)}
        described = {"Status": "FAILED", "Error": inner["errorType"], "Cause": json.dumps(inner)}
        failed = {"state": "SweepAdapter", "input": {"job": self.job}, "redrive_count": 0}
        event = {"detail": {"bucket": {"name": "b"}, "object": {"key": "tenants/a/uploads/b/x"}}}
        given = {"event": event, "execution_arn": ARN, "job": self.job, "failed": failed}
        failure = {"Error": "States.TaskFailed", "Cause": json.dumps(described)}
        notify_failure(
            NotifyFailureInput.model_validate({**given, "failure": failure}),
            self.notice_services,
            NOW,
        )

    def report(self) -> SweepReport:
        key = layout.models.sweep_report_key(self.job.job_id)
        return read_document(self.intake.models, key, SweepReport)


def gate_of(identity: float) -> GateReport:
    return GateReport(passed=True, effect=0.2, identity=identity, identity_base=0.1)


def swept(sweep: Sweep, **gates: float | str) -> SweepTrials:
    """Run a sweep up to its ranking."""
    planned = sweep.plan()
    sweep.enter(planned)
    sweep.launch()
    sweep.train(planned, **gates)
    return planned
