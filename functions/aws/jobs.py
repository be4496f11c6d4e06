"""The ``jobs`` table as domain.jobs.Jobs: every change is one conditional write.

Rows are JobRecords; beside them lies one small row for each notice that went out. A field that is
None is absent, so that the ``queue`` index holds only jobs that wait for something.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from aws import environment
from aws.clients import CONFIG
from contracts.job import JobSpec
from contracts.record import JobRecord, Stage, Status
from domain.jobs import UnknownJobError

QUEUE_INDEX, EXECUTION_INDEX = "queue", "execution"
_WAITING = ("queue", "queued_at", "task_token")
_OPEN = Attr("status").is_in(["starting", "processing"])
_ENDED = Attr("status").is_in(["failed", "canceled"])


class DynamoJobs:
    """See the Protocol for what each method promises."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> "DynamoJobs":
        """Open the table that JOBS_TABLE names."""
        dynamodb = boto3.resource("dynamodb", config=CONFIG)
        return cls(dynamodb.Table(environment.text("JOBS_TABLE")))

    def claim(
        self, job: JobSpec, execution_arn: str, now: datetime
    ) -> Literal["accepted", "repeat"]:
        """Make the job this execution's, unless another one does or did it."""
        claimed = self._update(
            job.job_id,
            Attr("job_id").not_exists() | _ENDED,
            {
                **job.model_dump(exclude={"job_id"}),
                "execution_arn": execution_arn,
                "status": "starting",
                "stage": "AcceptRequest",
                "updated_at": now.isoformat(),
            },
            defaults={"created_at": now.isoformat(), "attempt": 0},
            drop=(*_WAITING, "code", "notice_id"),
        )
        if claimed:
            return "accepted"
        record = self.get(job.job_id)
        ours = record is not None and record.execution_arn == execution_arn
        return "accepted" if ours else "repeat"

    def get(self, job_id: str) -> JobRecord | None:
        """Return the record as last written, or None when the job is unknown."""
        item = self._table.get_item(Key={"job_id": job_id}, ConsistentRead=True).get("Item")
        return None if item is None else JobRecord.model_validate(item)

    def by_execution(self, execution_arn: str) -> JobRecord | None:
        """Return the job that this execution does; the index finds it, the table tells it."""
        condition = Key("execution_arn").eq(execution_arn)
        answer = self._table.query(IndexName=EXECUTION_INDEX, KeyConditionExpression=condition)
        return next((self.get(item["job_id"]) for item in answer["Items"]), None)

    def advance(self, job_id: str, stage: Stage, now: datetime) -> None:
        """Note that the job is being processed in this stage, unless it has ended."""
        changes = {"status": "processing", "stage": stage, "updated_at": now.isoformat()}
        self._update(job_id, _OPEN, changes)

    def enqueue(self, job_id: str, task_token: str, now: datetime) -> None:
        """Put the job in the queue; a job in training keeps its place and takes the new token."""
        changes = {
            "status": "processing",
            "stage": "TrainAdapter",
            "task_token": task_token,
            "updated_at": now.isoformat(),
        }
        waiting = {"queue": "queued"}
        place = {"queued_at": now.isoformat()}
        training = _OPEN & Attr("queue").eq("training")
        not_training = _OPEN & (Attr("queue").not_exists() | Attr("queue").eq("queued"))
        # The launcher may move the job between our two writes, hence the third.
        if not (
            self._update(job_id, training, changes)
            or self._update(job_id, not_training, {**changes, **waiting}, defaults=place)
            or self._update(job_id, training, changes)
        ):
            raise UnknownJobError

    def queued(self) -> list[JobRecord]:
        """Return the jobs that wait for a training job, the oldest first."""
        return self._waiting_for("queued")

    def in_training(self) -> list[JobRecord]:
        """Return the jobs that a training job was launched for and that have no outcome yet."""
        return self._waiting_for("training")

    def start_training(
        self, job_id: str, plan_id: str, training_job_name: str, attempt: int, now: datetime
    ) -> bool:
        """Move a job from the queue into training; False when another launcher was first."""
        changes = {
            "queue": "training",
            "plan_id": plan_id,
            "training_job_name": training_job_name,
            "attempt": attempt,
            "updated_at": now.isoformat(),
        }
        new = Attr("queue").eq("queued") & Attr("attempt").lt(attempt)
        return self._update(job_id, new, changes)

    def requeue(
        self, job_id: str, training_job_name: str, now: datetime, *, alone: bool = False
    ) -> bool:
        """Move a job from this training job back to the queue; False when it is not in it."""
        changes: dict[str, object] = {"queue": "queued", "updated_at": now.isoformat()}
        if alone:
            changes["alone"] = True
        in_it = Attr("queue").eq("training") & Attr("training_job_name").eq(training_job_name)
        return self._update(job_id, in_it, changes, drop=("training_job_name",))

    def leave_queue(self, job_id: str, task_token: str, now: datetime) -> bool:
        """Forget token and queue, since this token was answered; False when already done."""
        changes = {"updated_at": now.isoformat()}
        return self._update(job_id, Attr("task_token").eq(task_token), changes, drop=_WAITING)

    def finish(self, job_id: str, status: Status, code: str | None, now: datetime) -> None:
        """Note how the job ended, and take it off the queue; success is never overwritten."""
        changes = {"status": status, "updated_at": now.isoformat()}
        drop = _WAITING if code is not None else (*_WAITING, "code")
        code_change = {} if code is None else {"code": code}
        open_or_same = _OPEN | Attr("status").eq(status)
        self._update(job_id, open_or_same, {**changes, **code_change}, drop=drop)

    def reopen(self, job_id: str, execution_arn: str, stage: Stage, now: datetime) -> bool:
        """Take up a failed job where it stood, and forget its notice; False: not this execution's.

        A job that succeeded stays as it is.
        """
        changes = {"status": "processing", "stage": stage, "updated_at": now.isoformat()}
        mine = Attr("execution_arn").eq(execution_arn)
        unfinished = mine & Attr("status").ne("succeeded")
        if self._update(job_id, unfinished, changes, drop=("code", "notice_id")):
            return True
        record = self.get(job_id)
        return record is not None and record.execution_arn == execution_arn

    def notice_sent(self, notice_id: str) -> bool:
        """Tell whether this notice went out."""
        key = {"job_id": _notice_row(notice_id)}
        return "Item" in self._table.get_item(Key=key, ConsistentRead=True)

    def note_notice(self, notice_id: str, job_id: str | None, now: datetime) -> None:
        """Remember that this notice went out, and that it is the job's one notice."""
        row = {"job_id": _notice_row(notice_id), "created_at": now.isoformat()}
        self._table.put_item(Item=row)
        if job_id is not None:
            self._update(job_id, Attr("job_id").exists(), {"notice_id": notice_id})

    def _waiting_for(self, queue: str) -> list[JobRecord]:
        """Return the index's rows in its order, page by page."""
        question = {
            "IndexName": QUEUE_INDEX,
            "KeyConditionExpression": Key("queue").eq(queue),
        }
        page = self._table.query(**question)
        items = page["Items"]
        while "LastEvaluatedKey" in page:
            page = self._table.query(**question, ExclusiveStartKey=page["LastEvaluatedKey"])
            items += page["Items"]
        return [JobRecord.model_validate(item) for item in items]

    def _update(
        self,
        job_id: str,
        when: Any,  # noqa: ANN401 - a boto3 condition
        changes: Mapping[str, object],
        defaults: Mapping[str, object] | None = None,
        drop: tuple[str, ...] = (),
    ) -> bool:
        """Change the row if the condition holds; ``defaults`` only fill what is absent."""
        fresh = defaults or {}
        sets = [f"#{name} = :{name}" for name in changes]
        sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in fresh]
        removes = " REMOVE " + ", ".join(f"#{name}" for name in drop) if drop else ""
        values = {**changes, **fresh}
        try:
            self._table.update_item(
                Key={"job_id": job_id},
                ConditionExpression=when,
                UpdateExpression="SET " + ", ".join(sets) + removes,
                ExpressionAttributeNames={f"#{name}": name for name in (*values, *drop)},
                ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _notice_row(notice_id: str) -> str:
    return f"notice#{notice_id}"
