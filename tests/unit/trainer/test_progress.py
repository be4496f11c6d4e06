"""How far a task says that it is: seldom, and by this run's own pace."""

from pathlib import Path

import pytest

from contracts.documents.status import TrainingProgress
from trainer.optimisation.progress import WRITE_EVERY_SECONDS, ProgressFile


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def read(folder: Path) -> TrainingProgress | None:
    path = folder / "progress.json"
    return TrainingProgress.model_validate_json(path.read_bytes()) if path.exists() else None


def test_the_time_left_is_told_by_the_pace_since_the_first_step_of_this_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_JOB_NAME", "likeness-1-2")
    clock = Clock()
    progress = ProgressFile(tmp_path, "1" * 32, 100, clock)
    progress.update(40)  # taken up from a state: nothing is known of the pace
    assert read(tmp_path) is None
    clock.now += 30
    progress.update(50)
    assert read(tmp_path) == TrainingProgress(
        job_id="1" * 32,
        training_job_name="likeness-1-2",
        step=50,
        total_steps=100,
        eta_seconds=150,  # 50 steps of 3 seconds
    )
    clock.now += 30
    progress.update(100)
    last = read(tmp_path)
    assert last is not None
    assert (last.step, last.eta_seconds) == (100, 0)


def test_it_is_not_written_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAINING_JOB_NAME", raising=False)
    clock = Clock()
    progress = ProgressFile(tmp_path, "1" * 32, 100, clock)
    written = []
    for step in range(1, 26):
        progress.update(step)
        found = read(tmp_path)
        if found is not None and found.step not in written:
            written.append(found.step)
        clock.now += WRITE_EVERY_SECONDS / 10
    assert written == [2, 12, 22]
    found = read(tmp_path)
    assert found is not None
    assert found.training_job_name is None
