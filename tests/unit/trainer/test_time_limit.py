"""How the trainer knows that time runs out, and that nothing gets done."""

import time

import pytest

from trainer.process.results import PreemptedError
from trainer.process.time_limit import TimeLimit
from trainer.process.watchdog import watchdog


def test_the_deadline_leaves_a_tenth_to_write() -> None:
    limit = TimeLimit(deadline_seconds=100, _started=time.monotonic() - 89)
    assert not limit.training_is_over
    limit.deadline_seconds = 98
    assert limit.training_is_over


def test_pictures_that_take_long_get_more_of_the_deadline_but_never_most_of_it() -> None:
    limit = TimeLimit(deadline_seconds=100, _started=time.monotonic() - 60)
    assert not limit.training_is_over
    limit.export_seconds = 45
    assert limit.training_is_over
    limit = TimeLimit(deadline_seconds=100, export_seconds=999, _started=time.monotonic() - 40)
    assert not limit.training_is_over


def test_an_interruption_is_heard_between_two_pieces_of_work() -> None:
    limit = TimeLimit()
    limit.raise_if_preempted()
    limit.preempted = True
    with pytest.raises(PreemptedError):
        limit.raise_if_preempted()


def test_the_watchdog_says_where_a_job_hangs(capsys: pytest.CaptureFixture[str]) -> None:
    with watchdog(TimeLimit(checked_at=time.monotonic() - 200), 0.1):
        time.sleep(0.3)
    first, *more = capsys.readouterr().out.splitlines()
    assert first.startswith("watchdog: no step for 200 s; at test_time_limit.py:")
    assert len(more) <= 2, "it repeats itself as slowly as it waits"


def test_the_watchdog_is_silent_while_work_gets_done(capsys: pytest.CaptureFixture[str]) -> None:
    limit = TimeLimit()
    with watchdog(limit, 5.0), watchdog(TimeLimit(checked_at=0.0), 0):
        limit.raise_if_preempted()
        time.sleep(0.05)
    assert capsys.readouterr().out == ""
