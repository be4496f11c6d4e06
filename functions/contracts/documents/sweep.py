"""A sweep between its stages: the points that are planned, what became of each, which is best."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.document import Document, JobId
from contracts.documents.job import JobSpec
from contracts.documents.photos import Code
from contracts.documents.training import TrainedAdapter

PointName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""Its parameters, as a DNS label: ``lr1e-4-steps200-rank8``."""


class SweepPoint(Document):
    """One training of the sweep, with a row of its own in the jobs table."""

    name: PointName

    job: JobSpec


class PlannedSweep(Document):
    """What PlanSweep answers; travels in the execution's state."""

    schema_version: Literal[1] = 1

    points: Annotated[tuple[SweepPoint, ...], Field(min_length=1)]


class BestPoint(Document):
    """What RankSweep answers: the adapter to publish."""

    schema_version: Literal[1] = 1

    name: PointName

    trained: TrainedAdapter


class PointReport(Document):
    """What became of one point."""

    name: PointName

    job_id: JobId

    learning_rate: float | None = None
    """Absent, like the next two, when the sweep has one value for all points."""

    max_train_steps: int | None = None

    rank: int | None = None

    place: Annotated[int, Field(ge=1)] | None = None
    """1 is the best; absent: it has no adapter that passed the gate."""

    code: Code | None = None
    """Why it has none."""

    identity: float | None = None
    """As the gate measured, like the next two."""

    prompt_following: float | None = None

    class_drift: float | None = None


class SweepReport(Document):
    """``jobs/<job_id>/sweep.json``: every point, the best first, then those that failed."""

    schema_version: Literal[1] = 1

    job_id: JobId

    points: tuple[PointReport, ...]
