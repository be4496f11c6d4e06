"""What an operator sees of the queue, minute by minute."""

import json
from datetime import timedelta

import pytest

from domain.ports.jobs import Attempt
from domain.training.queue_metrics import GRACE, queue_figures
from reconcile.app import report_queue
from tests.fakes.jobs import MemoryJobs
from tests.unit.training_kit import NOON, World, job_id, record

MAX_TRAINING = timedelta(hours=2)


def jobs(*minutes_waited: int) -> MemoryJobs:
    memory = MemoryJobs()
    for number, waited in enumerate(minutes_waited):
        memory.records[job_id(number)] = record(number, minute=-waited)
    return memory


def test_an_empty_queue_has_no_age() -> None:
    assert queue_figures(jobs(), MAX_TRAINING, NOON) == (0, 0.0, 0, 0)


def test_the_oldest_counts() -> None:
    assert queue_figures(jobs(3, 20, 1), MAX_TRAINING, NOON) == (3, 1200.0, 0, 0)


def test_a_training_is_stuck_once_sagemaker_must_have_stopped_it() -> None:
    memory = jobs(5)
    memory.start_training(job_id(0), Attempt("a" * 32, "likeness-p-1", 1), NOON)
    last_moment = NOON + MAX_TRAINING + GRACE
    assert queue_figures(memory, MAX_TRAINING, last_moment).stuck == 0
    assert queue_figures(memory, MAX_TRAINING, last_moment + timedelta(seconds=1)).stuck == 1


def test_reconcile_reports_them(capsys: pytest.CaptureFixture[str]) -> None:
    world = World(jobs=jobs(3, 20, 1))
    report_queue(world.launching, NOON)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    reported = {
        metric["Name"]: line[metric["Name"]]
        for line in lines
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert reported == {
        "QueueLength": [3.0],
        "QueueAge": [1200.0],
        "JobsInTraining": [0.0],
        "JobsStuck": [0.0],
    }
