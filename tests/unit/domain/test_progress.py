"""What the trainer says of its steps, and what becomes of it in the jobs table."""

from pathlib import Path
from typing import get_args

import pytest

from contracts.documents.record import Stage
from contracts.documents.stages import TrainingEvent
from contracts.documents.status import TrainingProgress
from contracts.shared import layout
from domain.ports.storage import write_document
from domain.training.following import follow, reconcile
from domain.training.launching import launch
from domain.training.progress import LAUNCHED, STAGE_PERCENT, TRAINED, training_percent
from tests.unit.training_kit import NOON, World, job_id
from trainer.optimisation.progress import ProgressFile


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def in_training() -> World:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    return world


def write_progress(world: World, step: int, name: str | None = None) -> str:
    """Do as the trainer does; return the file's key."""
    key = layout.models.progress_key(job_id(1), job_id(1))
    progress = TrainingProgress(
        job_id=job_id(1),
        training_job_name=name or world.name_of(1),
        step=step,
        total_steps=100,
        eta_seconds=100 - step,
    )
    write_document(world.models, key, progress)
    return key


def test_every_stage_has_a_percent_on_entering() -> None:
    assert set(STAGE_PERCENT) == set(get_args(Stage))


def test_the_trainer_writes_its_pace_but_not_at_every_step(tmp_path: Path) -> None:
    clock = Hands()
    progress_file = ProgressFile(tmp_path, job_id(1), 100, clock)
    written = []
    for step in range(1, 101):
        clock.seconds += 2
        progress_file.update(step)
        if (tmp_path / layout.container.PROGRESS_FILE).exists():
            text = (tmp_path / layout.container.PROGRESS_FILE).read_text()
            written.append(TrainingProgress.model_validate_json(text))
    steps = sorted({one.step for one in written})
    assert steps[:3] == [2, 7, 12]
    assert {one.eta_seconds - 2 * (100 - one.step) for one in written} == {0}


def test_a_resumed_run_reports_its_own_pace(tmp_path: Path) -> None:
    clock = Hands()
    progress_file = ProgressFile(tmp_path, job_id(1), 100, clock)
    progress_file.update(50)
    clock.seconds += 30
    progress_file.update(60)
    text = (tmp_path / layout.container.PROGRESS_FILE).read_text()
    assert TrainingProgress.model_validate_json(text).eta_seconds == 120


@pytest.mark.parametrize("published_to", ["event", "reconcile"])
def test_steps_reach_the_record(published_to: str) -> None:
    world = in_training()
    key = write_progress(world, 50)
    if published_to == "event":
        detail = {"bucket": {"name": "models"}, "object": {"key": key}}
        follow(world.services, TrainingEvent.model_validate({"detail": detail}), NOON)
    else:
        reconcile(world.services, NOON)
    record = world.jobs.records[job_id(1)]
    assert (record.step, record.total_steps, record.eta_seconds) == (50, 100, 50)
    assert record.percent == (LAUNCHED + TRAINED) // 2


def test_percent_never_falls_when_a_new_attempt_starts_further_back() -> None:
    world = in_training()
    write_progress(world, 80)
    reconcile(world.services, NOON)
    before = world.jobs.records[job_id(1)].percent
    world.trainer.end(world.name_of(1), "Failed", "InternalServerError: x")
    reconcile(world.services, NOON)
    launch(world.launching, NOON)
    write_progress(world, 70)
    reconcile(world.services, NOON)
    assert world.jobs.records[job_id(1)].percent == before
    write_progress(world, 90)
    reconcile(world.services, NOON)
    assert world.jobs.records[job_id(1)].percent > before


def test_what_an_earlier_attempt_left_behind_is_not_this_ones() -> None:
    world = in_training()
    write_progress(world, 99, name="likeness-earlier-1")
    reconcile(world.services, NOON)
    assert world.jobs.records[job_id(1)].percent == LAUNCHED


def test_the_percent_of_the_last_step_is_below_that_of_the_next_stage() -> None:
    done = TrainingProgress(
        job_id=job_id(1), training_job_name=None, step=120, total_steps=100, eta_seconds=0
    )
    assert training_percent(done) == TRAINED


@pytest.mark.parametrize(
    ("step", "total", "percent"),
    [(0, 100, 8), (1, 3, 34), (50, 100, 48), (99, 100, 87), (100, 100, 88), (120, 100, 88)],
)
def test_a_percent_is_whole_and_never_beyond_the_training_s_end(
    step: int, total: int, percent: int
) -> None:
    progress = TrainingProgress(
        job_id=job_id(1), training_job_name=None, step=step, total_steps=total, eta_seconds=0
    )
    found = training_percent(progress)
    assert (found, type(found)) == (percent, int)
