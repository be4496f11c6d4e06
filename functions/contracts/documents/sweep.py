"""The documents of a sweep: its trials, the report on each trial, and the best trial."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.document import Document, JobId
from contracts.documents.job import JobSpec
from contracts.documents.photos import Code
from contracts.documents.training import TrainedAdapter

TrialName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""A trial's parameters as a DNS label: ``lr1e-4-steps200-rank8``."""


class SweepTrial(Document):
    """One training of the sweep, with its own row in the jobs table."""

    name: TrialName

    job: JobSpec


class SweepTrials(Document):
    """Answer of PlanSweep; part of the execution's state."""

    schema_version: Literal[1] = 1

    trials: Annotated[tuple[SweepTrial, ...], Field(alias="points")]
    """Trials to train now; none: nobody is left for another rung."""

    is_last: bool = True
    """Whether the ranking follows; otherwise PlanSweep chooses who goes on."""


class BestTrial(Document):
    """Answer of RankSweep: the adapter to publish."""

    schema_version: Literal[1] = 1

    name: TrialName

    trained: TrainedAdapter


class TrialReport(Document):
    """The result of one trial."""

    name: TrialName

    job_id: JobId

    learning_rate: float | None = None
    """Value of the trial; absent, like the next two, when all trials have the same value."""

    max_train_steps: int | None = None

    rank: int | None = None

    place: Annotated[int, Field(ge=1)] | None = None
    """Rank among the trials; 1 is the best. Absent: no adapter of the trial passed the gate, or
    the trial was stopped early."""

    stopped_after_steps: Annotated[int, Field(ge=1)] | None = None
    """Steps after which the trial was stopped, because others were better; its scores are those of
    that step. Absent: the trial was trained to its end, or failed."""

    repeated_steps: Annotated[int, Field(ge=0)] = 0
    """Steps that were trained twice, because the checkpoint of the rung before was gone."""

    code: Code | None = None
    """Code of the failure, for a trial without a place."""

    identity: float | None = None
    """Score from the gate, like the next two."""

    prompt_following: float | None = None

    class_drift: float | None = None


class SweepReport(Document):
    """``jobs/<job_id>/sweep.json``: every trial, best first, then stopped and failed ones."""

    schema_version: Literal[1] = 1

    job_id: JobId

    trials: Annotated[tuple[TrialReport, ...], Field(alias="points")]
