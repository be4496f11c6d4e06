"""The ``jobs`` table: implements domain.ports.jobs.Jobs; every change is one conditional write.

Each change of a job writes one log line with its id, so a search for the id shows its history.
Rows are JobRecords; one small row more stands for each notice that was sent. A field that is None
is absent, so that the ``queue`` index lists only jobs that wait for something.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from aws_lambda_powertools import Logger
from boto3.dynamodb.conditions import Attr, Key

from aws.jobs.cost_records import DynamoCostRecords, numbers
from aws.tables import open_table
from contracts.documents.erasure import ErasureSubject
from contracts.documents.job import JobSpec
from contracts.documents.record import JobKind, JobRecord, Stage, Status, WaitingFor
from contracts.documents.status import TrainingProgress
from contracts.documents.sweep import SweepTrial
from contracts.errors import JobCanceledError, SubjectErasedError
from contracts.shared import layout
from domain.ports.jobs import Attempt, QueuedStage, UnknownJobError
from domain.training.progress import DONE, LAUNCHED, STAGE_PERCENT, UNSTOPPABLE, training_percent

_logger = Logger(child=True)

EXECUTION_INDEX = "execution"
_PLACE = ("queue_place", "waiting_for", "refusal")
_WAITING = ("queue", "queued_at", "task_token", "eta_seconds", *_PLACE)
_REDRIVEN = ("code", "notice_id", "cancel_requested", "faults")
_DONE = ("step", "total_steps", "captioned")
_OF_ONE_RUN = (*_REDRIVEN, *_DONE, "estimate", "step_shape", "capacity")
_REFUSAL = ("refused_code", "refused_at")
_OPEN = Attr("status").is_in(["starting", "processing"])
_ENDED = Attr("status").is_in(["failed", "canceled"])
_WANTED = _OPEN & Attr("cancel_requested").not_exists()


class DynamoJobs(DynamoCostRecords):
    """See the Protocol for what each method promises."""

    @classmethod
    def from_env(cls) -> "DynamoJobs":
        """Open the table that JOBS_TABLE names."""
        return cls(open_table("JOBS_TABLE"))

    def claim(
        self, job: JobSpec, execution_arn: str, now: datetime, kind: JobKind = "training"
    ) -> Literal["accepted", "repeat"]:
        """Claim the job for this execution, unless another execution has it or had it."""
        of_kind = {} if kind == "training" else {"kind": kind}
        claimed = self._begin(job, execution_arn, "AcceptRequest", now, **of_kind)
        pointer = {"points_to": job.job_id}
        row = layout.rows.upload_row(f"{job.tenant}/{job.upload}")
        self._update(row, None, pointer, drop=_REFUSAL)
        if claimed:
            return "accepted"
        record = self.get(job.job_id)
        ours = record is not None and record.execution_arn == execution_arn
        return "accepted" if ours else "repeat"

    def record_refusal(self, upload: str, code: str, now: datetime) -> None:
        """Store why the newest request of ``<tenant>/<upload>`` never became a job.

        An erased upload gets no row again, whatever event comes late.
        """
        tenant, _, name = upload.partition("/")
        places = (ErasureSubject(tenant=tenant), ErasureSubject(tenant=tenant, upload=name))
        if any(self._has_tombstone(place) for place in places):
            return
        refusal = dict(zip(_REFUSAL, (code, now.isoformat()), strict=True))
        self._update(layout.rows.upload_row(upload), None, refusal)

    def add_trials(
        self, sweep_id: str, trials: Sequence[SweepTrial], execution_arn: str, now: datetime
    ) -> None:
        """Store a sweep's trials, and make a job of each; a failed trial starts again."""
        sweep = self.get(sweep_id)
        if sweep is not None:
            ids = dict.fromkeys((*sweep.trials, *(trial.job.job_id for trial in trials)))
            self._update(sweep_id, Attr("job_id").exists(), {"points": list(ids)})
        for trial in trials:
            of_sweep = {"point_of": sweep_id, "point": trial.name}
            if not self._begin(trial.job, execution_arn, "TrainAdapter", now, **of_sweep):
                wanted = {"updated_at": now.isoformat()}
                self._update(trial.job.job_id, _OPEN, wanted, drop=("cancel_requested",))

    def _begin(
        self, job: JobSpec, execution_arn: str, stage: Stage, now: datetime, **more: str
    ) -> bool:
        """Make the job's row, or start a failed job again; False: the job is open or succeeded."""
        return self._update(
            job.job_id,
            Attr("job_id").not_exists() | _ENDED,
            {
                **job.model_dump(exclude={"job_id"}, exclude_none=True),
                **more,
                "execution_arn": execution_arn,
                "status": "starting",
                "stage": stage,
                "percent": STAGE_PERCENT[stage],
                "updated_at": now.isoformat(),
            },
            defaults={"created_at": now.isoformat(), "attempt": 0},
            drop=(*_WAITING, *_OF_ONE_RUN),
        )

    def get(self, job_id: str) -> JobRecord | None:
        """Return the job's record as last written; None when the job is unknown."""
        item = self._table.get_item(Key={"job_id": job_id}, ConsistentRead=True).get("Item")
        return None if item is None else JobRecord.model_validate(item)

    def by_execution(self, execution_arn: str) -> JobRecord | None:
        """Return the job that this execution has claimed: found by index, read from the table."""
        condition = Key("execution_arn").eq(execution_arn)
        answer = self._table.query(IndexName=EXECUTION_INDEX, KeyConditionExpression=condition)
        return next((self.get(item["job_id"]) for item in answer["Items"]), None)

    def advance(self, job_id: str, stage: Stage, now: datetime) -> None:
        """Store that the job is being processed in this stage, unless it has ended."""
        changes = {"status": "processing", "stage": stage, "updated_at": now.isoformat()}
        percent = STAGE_PERCENT[stage]
        lower = Attr("percent").not_exists() | Attr("percent").lte(percent)
        if not (
            self._update(job_id, _WANTED & lower, {**changes, "percent": percent})
            or self._update(job_id, _WANTED, changes)
        ):
            self._check_not_canceled(job_id)

    def enqueue(
        self, job_id: str, task_token: str, now: datetime, stage: QueuedStage = "TrainAdapter"
    ) -> None:
        """Put the job in the queue; a job in training stays there and gets the new token."""
        changes = {
            "status": "processing",
            "stage": stage,
            "task_token": task_token,
            "updated_at": now.isoformat(),
        }
        waiting = {"queue": "queued", "waiting_for": "slot"}
        place = {"queued_at": now.isoformat()}
        training = _WANTED & Attr("queue").eq("training")
        not_training = _WANTED & (Attr("queue").not_exists() | Attr("queue").eq("queued"))
        # The launcher may move the job between the first two writes, hence the third.
        if not (
            self._update(job_id, training, changes)
            or self._update(job_id, not_training, {**changes, **waiting}, defaults=place)
            or self._update(job_id, training, changes)
        ):
            self._check_not_canceled(job_id)
            raise UnknownJobError
        _logger.info("job queued for training", job_id=job_id)

    def record_captions(self, job_id: str, now: datetime) -> None:
        """Store that the job's captions are beside its photos; ignore jobs that have ended."""
        self._update(job_id, _OPEN, {"captioned": True, "updated_at": now.isoformat()})

    def record_trace(self, job_id: str, trace_header: str) -> None:
        """Store the trace header of the execution that waits for the job; ignore unknown jobs."""
        self._update(job_id, Attr("job_id").exists(), {"trace_header": trace_header})

    def queued(self) -> list[JobRecord]:
        """Return the jobs that wait for a training job, oldest first."""
        return self._waiting_for("queued")

    def in_training(self) -> list[JobRecord]:
        """Return the jobs whose training job was launched and that have no outcome yet."""
        return self._waiting_for("training")

    def start_training(self, job_id: str, attempt: Attempt, now: datetime) -> bool:
        """Move a job from the queue into training; False when another launcher was first."""
        capacity = attempt.capacity
        changes = {
            "queue": "training",
            "plan_id": attempt.plan_id,
            "training_job_name": attempt.training_job_name,
            "attempt": attempt.number,
            "updated_at": now.isoformat(),
            **({} if capacity is None else {"capacity": numbers(capacity)}),
        }
        wanted = Attr("queue").eq("queued") & Attr("cancel_requested").not_exists()
        new = wanted & Attr("attempt").lt(attempt.number)
        if not self._update(job_id, new, changes, drop=_PLACE):
            return False
        self._update(job_id, Attr("percent").lt(LAUNCHED), {"percent": LAUNCHED})
        _logger.info(
            "job in training",
            job_id=job_id,
            training_job_name=attempt.training_job_name,
            capacity=None if capacity is None else capacity.model_dump(exclude_none=True),
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
        """Move a job from this training job back to the queue; False when it is not in it."""
        changes: dict[str, object] = {"waiting_for": "slot", "updated_at": now.isoformat()}
        if alone:
            changes["alone"] = True
        if faults:
            changes["faults"] = list(faults)
        return self._leave_training(job_id, training_job_name, changes)

    def wait_for_capacity(
        self, job_id: str, training_job_name: str, now: datetime, refusal: str = ""
    ) -> bool:
        """Move a job back to the queue because SageMaker has no capacity."""
        changes: dict[str, object] = {"waiting_for": "capacity", "updated_at": now.isoformat()}
        if refusal:
            changes["refusal"] = refusal
        return self._leave_training(job_id, training_job_name, changes)

    def _leave_training(
        self, job_id: str, training_job_name: str, changes: dict[str, object]
    ) -> bool:
        in_it = Attr("queue").eq("training") & Attr("training_job_name").eq(training_job_name)
        queued = {"queue": "queued", **changes}
        if not self._update(job_id, in_it, queued, drop=("training_job_name",)):
            return False
        _logger.info("job back in the queue", job_id=job_id, training_job_name=training_job_name)
        return True

    def record_queue_place(self, job_id: str, place: int, waiting_for: WaitingFor) -> None:
        """Store a queued job's place in the queue; ignore jobs that are not queued."""
        changes = {"queue_place": place, "waiting_for": waiting_for}
        self._update(job_id, Attr("queue").eq("queued"), changes)

    def record_progress(self, progress: TrainingProgress, now: datetime) -> None:
        """Store the progress of a job in training; never lower its percent."""
        percent = training_percent(progress)
        its_own = Attr("training_job_name").eq(progress.training_job_name)
        when = Attr("queue").eq("training") & its_own & Attr("percent").lt(percent)
        changes = {
            "percent": percent,
            **progress.model_dump(include={"step", "total_steps", "eta_seconds"}),
        }
        self._update(progress.job_id, when, changes | {"updated_at": now.isoformat()})

    def raise_percent(self, job_id: str, percent: int, now: datetime) -> None:
        """Raise the job's percent; never lower it, and ignore ended jobs."""
        changes = {"percent": percent, "updated_at": now.isoformat()}
        self._update(job_id, _OPEN & Attr("percent").lt(percent), changes)

    def request_cancel(self, job_id: str, now: datetime) -> bool:
        """Store that a job is to stop; False when it has ended or its model is being delivered."""
        stoppable = _OPEN & ~Attr("stage").is_in(sorted(UNSTOPPABLE))
        changes = {"cancel_requested": True, "updated_at": now.isoformat()}
        return self._update(job_id, stoppable, changes)

    def leave_queue(self, job_id: str, task_token: str, now: datetime) -> bool:
        """Remove token and queue after this token was answered; False when already done."""
        changes = {"updated_at": now.isoformat()}
        if not self._update(job_id, Attr("task_token").eq(task_token), changes, drop=_WAITING):
            return False
        _logger.info("job answered", job_id=job_id)
        return True

    def finish(self, job_id: str, status: Status, code: str | None, now: datetime) -> None:
        """Store how the job ended, and remove it from the queue; success is never overwritten."""
        changes: dict[str, object] = {"status": status, "updated_at": now.isoformat()}
        if status == "succeeded":
            changes["percent"] = DONE
        drop = _WAITING if code is not None else (*_WAITING, "code")
        code_change = {} if code is None else {"code": code}
        open_or_same = _OPEN | Attr("status").eq(status)
        if self._update(job_id, open_or_same, {**changes, **code_change}, drop=drop):
            _logger.info("job ended", job_id=job_id, status=status, code=code)

    def reopen(self, job_id: str, execution_arn: str, stage: Stage, now: datetime) -> bool:
        """Reopen a failed job at this stage, and remove its notice; False: not this execution's.

        A job that has succeeded stays unchanged.
        """
        changes = {"status": "processing", "stage": stage, "updated_at": now.isoformat()}
        mine = Attr("execution_arn").eq(execution_arn)
        unfinished = mine & Attr("status").ne("succeeded")
        if self._update(job_id, unfinished, changes, drop=_REDRIVEN):
            return True
        record = self.get(job_id)
        return record is not None and record.execution_arn == execution_arn

    def notice_sent(self, notice_id: str) -> bool:
        """Return whether this notice was sent."""
        key = {"job_id": layout.rows.notice_row(notice_id)}
        return "Item" in self._table.get_item(Key=key, ConsistentRead=True)

    def record_notice(self, notice_id: str, job_id: str | None, now: datetime) -> None:
        """Store that this notice was sent, and that it is the job's one notice."""
        row = {"job_id": layout.rows.notice_row(notice_id), "created_at": now.isoformat()}
        self._table.put_item(Item=row)
        if job_id is not None:
            self._update(job_id, Attr("job_id").exists(), {"notice_id": notice_id})

    def _waiting_for(self, queue: str) -> list[JobRecord]:
        return [JobRecord.model_validate(row) for row in self._rows_in(queue)]

    def _check_not_canceled(self, job_id: str) -> None:
        record = self.get(job_id)
        if record is not None and record.cancel_requested:
            raise SubjectErasedError if record.erased else JobCanceledError
        # A model's tombstone depends on its id only.
        if record is None and self._has_tombstone(ErasureSubject(tenant="any", model_id=job_id)):
            raise SubjectErasedError

    def _has_tombstone(self, subject: ErasureSubject) -> bool:
        """Return whether the subject was erased, or is being erased."""
        key = {"job_id": layout.rows.erasure_row(subject.erasure_id)}
        return "Item" in self._table.get_item(Key=key, ConsistentRead=True)
