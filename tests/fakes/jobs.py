"""domain.ports.jobs.Jobs in memory."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from contracts.documents.job import JobSpec
from contracts.documents.record import JobKind, JobRecord, Stage, Status, WaitingFor
from contracts.documents.status import TrainingProgress
from contracts.documents.sweep import SweepTrial
from contracts.errors import JobCanceledError
from domain.ports.jobs import Attempt, QueuedStage, UnknownJobError
from domain.training.progress import DONE, LAUNCHED, STAGE_PERCENT, UNSTOPPABLE, training_percent
from tests.fakes.cost_records import MemoryCostRecords

OPEN = ("starting", "processing")
NO_PLACE: dict[str, object] = {"queue_place": None, "waiting_for": None, "refusal": None}
NOT_WAITING: dict[str, object] = {
    "queue": None,
    "queued_at": None,
    "task_token": None,
    "eta_seconds": None,
    **NO_PLACE,
}


class MemoryJobs(MemoryCostRecords):
    """Rows by job id; ``notices`` has every notice that was sent, ``refusals`` uploads' codes."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[str] = []
        self.refusals: dict[str, str] = {}

    def claim(
        self, job: JobSpec, execution_arn: str, now: datetime, kind: JobKind = "training"
    ) -> Literal["accepted", "repeat"]:
        self.refusals.pop(f"{job.tenant}/{job.upload}", None)
        if self._begin(job, execution_arn, "AcceptRequest", now):
            self._change(job.job_id, now, kind=kind)
            return "accepted"
        ours = self.records[job.job_id].execution_arn == execution_arn
        return "accepted" if ours else "repeat"

    def record_refusal(self, upload: str, code: str, now: datetime) -> None:  # noqa: ARG002
        self.refusals[upload] = code

    def add_trials(
        self, sweep_id: str, trials: Sequence[SweepTrial], execution_arn: str, now: datetime
    ) -> None:
        if sweep_id in self.records:
            ids = (*self.records[sweep_id].trials, *(trial.job.job_id for trial in trials))
            self._change(sweep_id, now, trials=tuple(dict.fromkeys(ids)))
        for trial in trials:
            if self._begin(trial.job, execution_arn, "TrainAdapter", now):
                self._change(trial.job.job_id, now, trial_of=sweep_id, trial=trial.name)
            elif self._is_open(trial.job.job_id):
                self._change(trial.job.job_id, now, cancel_requested=False)

    def _begin(self, job: JobSpec, execution_arn: str, stage: Stage, now: datetime) -> bool:
        record = self.records.get(job.job_id)
        if record is None:
            record = JobRecord(
                **dict(job),
                execution_arn=execution_arn,
                status="starting",
                stage=stage,
                percent=STAGE_PERCENT[stage],
                created_at=now.isoformat(),
                updated_at=now.isoformat(),
            )
            self.records[job.job_id] = record
        elif record.status in OPEN or record.status == "succeeded":
            return False
        self._change(
            job.job_id,
            now,
            **{name: value for name, value in job if name != "job_id"},
            **NOT_WAITING,
            execution_arn=execution_arn,
            status="starting",
            stage=stage,
            percent=STAGE_PERCENT[stage],
            code=None,
            notice_id=None,
            cancel_requested=False,
            faults=(),
            step=None,
            total_steps=None,
            captioned=False,
            estimate=None,
            step_shape=None,
            capacity=None,
        )
        return True

    def get(self, job_id: str) -> JobRecord | None:
        return self.records.get(job_id)

    def by_execution(self, execution_arn: str) -> JobRecord | None:
        return next((r for r in self.records.values() if r.execution_arn == execution_arn), None)

    def advance(self, job_id: str, stage: Stage, now: datetime) -> None:
        if self._is_open(job_id):
            self._check_not_canceled(job_id)
            percent = max(self.records[job_id].percent, STAGE_PERCENT[stage])
            self._change(job_id, now, status="processing", stage=stage, percent=percent)

    def enqueue(
        self, job_id: str, task_token: str, now: datetime, stage: QueuedStage = "TrainAdapter"
    ) -> None:
        if not self._is_open(job_id):
            raise UnknownJobError
        self._check_not_canceled(job_id)
        record = self.records[job_id]
        self._change(
            job_id,
            now,
            status="processing",
            stage=stage,
            task_token=task_token,
            queue=record.queue if record.queue is not None else "queued",
            queued_at=record.queued_at if record.queued_at is not None else now.isoformat(),
            waiting_for=None if record.queue == "training" else "slot",
        )

    def record_captions(self, job_id: str, now: datetime) -> None:
        if self._is_open(job_id):
            self._change(job_id, now, captioned=True)

    def record_trace(self, job_id: str, trace_header: str) -> None:
        if job_id in self.records:
            record = self.records[job_id]
            self.records[job_id] = record.model_copy(update={"trace_header": trace_header})

    def queued(self) -> list[JobRecord]:
        return self._waiting_for("queued")

    def in_training(self) -> list[JobRecord]:
        return self._waiting_for("training")

    def start_training(self, job_id: str, attempt: Attempt, now: datetime) -> bool:
        record = self.records.get(job_id)
        if record is None or record.queue != "queued" or record.attempt >= attempt.number:
            return False
        if record.cancel_requested:
            return False
        self._change(
            job_id,
            now,
            queue="training",
            plan_id=attempt.plan_id,
            training_job_name=attempt.training_job_name,
            attempt=attempt.number,
            percent=max(record.percent, LAUNCHED),
            capacity=attempt.capacity or record.capacity,
            **NO_PLACE,
        )
        return True

    def requeue(
        self,
        job_id: str,
        training_job_name: str,
        now: datetime,
        *,
        alone: bool = False,
        faults: tuple[str, ...] | None = None,
    ) -> bool:
        changes: dict[str, object] = {"alone": True} if alone else {}
        if faults:
            changes["faults"] = faults
        return self._leave_training(job_id, training_job_name, now, waiting_for="slot", **changes)

    def wait_for_capacity(
        self, job_id: str, training_job_name: str, now: datetime, refusal: str = ""
    ) -> bool:
        changes: dict[str, object] = {"refusal": refusal} if refusal else {}
        return self._leave_training(
            job_id, training_job_name, now, waiting_for="capacity", **changes
        )

    def _leave_training(self, job_id: str, name: str, now: datetime, **changes: object) -> bool:
        in_it = self._queue(job_id) == "training"
        if not in_it or self.records[job_id].training_job_name != name:
            return False
        self._change(job_id, now, queue="queued", training_job_name=None, **changes)
        return True

    def record_queue_place(self, job_id: str, place: int, waiting_for: WaitingFor) -> None:
        if self._queue(job_id) == "queued":
            self._note(job_id, queue_place=place, waiting_for=waiting_for)

    def record_progress(self, progress: TrainingProgress, now: datetime) -> None:
        record, percent = self.records.get(progress.job_id), training_percent(progress)
        if record is None or record.queue != "training" or record.percent >= percent:
            return
        if record.training_job_name == progress.training_job_name:
            changes = progress.model_dump(include={"step", "total_steps", "eta_seconds"})
            self._change(record.job_id, now, percent=percent, **changes)

    def raise_percent(self, job_id: str, percent: int, now: datetime) -> None:
        if self._is_open(job_id) and self.records[job_id].percent < percent:
            self._change(job_id, now, percent=percent)

    def request_cancel(self, job_id: str, now: datetime) -> bool:
        if not self._is_open(job_id) or self.records[job_id].stage in UNSTOPPABLE:
            return False
        self._change(job_id, now, cancel_requested=True)
        return True

    def leave_queue(self, job_id: str, task_token: str, now: datetime) -> bool:
        record = self.records.get(job_id)
        if record is None or record.task_token != task_token:
            return False
        self._change(job_id, now, **NOT_WAITING)
        return True

    def finish(self, job_id: str, status: Status, code: str | None, now: datetime) -> None:
        record = self.records.get(job_id)
        if record is not None and (record.status in OPEN or record.status == status):
            percent = DONE if status == "succeeded" else record.percent
            self._change(job_id, now, **NOT_WAITING, status=status, code=code, percent=percent)

    def reopen(self, job_id: str, execution_arn: str, stage: Stage, now: datetime) -> bool:
        record = self.records.get(job_id)
        if record is None or record.execution_arn != execution_arn:
            return False
        if record.status != "succeeded":
            self._change(
                job_id,
                now,
                status="processing",
                stage=stage,
                code=None,
                notice_id=None,
                cancel_requested=False,
                faults=(),
            )
        return True

    def notice_sent(self, notice_id: str) -> bool:
        return notice_id in self.notices

    def record_notice(self, notice_id: str, job_id: str | None, now: datetime) -> None:
        self.notices.append(notice_id)
        if job_id is not None and job_id in self.records:
            self._change(job_id, now, notice_id=notice_id)

    def _is_open(self, job_id: str) -> bool:
        return job_id in self.records and self.records[job_id].status in OPEN

    def _check_not_canceled(self, job_id: str) -> None:
        if self.records[job_id].cancel_requested:
            raise JobCanceledError

    def _queue(self, job_id: str) -> str | None:
        record = self.records.get(job_id)
        return None if record is None else record.queue

    def _waiting_for(self, queue: str) -> list[JobRecord]:
        waiting = [record for record in self.records.values() if record.queue == queue]
        return sorted(waiting, key=lambda record: record.queued_at or "")

    def _change(self, job_id: str, now: datetime, **changes: object) -> None:
        fields = {
            **self.records[job_id].model_dump(by_alias=False),
            **changes,
            "updated_at": now.isoformat(),
        }
        self.records[job_id] = JobRecord.model_validate(fields)
