"""The time limits of a job, and the watchdog."""

import re
import signal
import threading
import time
from pathlib import Path

import pytest

from trainer.optimisation.progress import ProgressFile
from trainer.process.results import PreemptedError
from trainer.process.time_limit import TimeLimit
from trainer.process.watchdog import is_due, location_of, watchdog


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


def test_a_preemption_is_raised_between_two_pieces_of_work() -> None:
    limit = TimeLimit()
    limit.raise_if_preempted()
    limit.preempted = True
    with pytest.raises(PreemptedError):
        limit.raise_if_preempted()


def test_the_watchdog_logs_where_a_job_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr("trainer.process.watchdog.log", lines.append)
    with watchdog(TimeLimit(checked_at=time.monotonic() - 200), 0.1):
        while not lines:  # a busy machine may start the watchdog's thread late
            time.sleep(0.01)
    found = re.fullmatch(r"watchdog: no step for (\d+) s; at test_time_limit\.py:\d+", lines[0])
    assert found is not None, lines[0]
    assert int(found[1]) >= 200


@pytest.mark.parametrize(
    ("checked_at", "logged_at", "now", "due"),
    [
        (0, 0, 9.9, False),
        (0, 0, 10, True),
        (0, 10, 19.9, False),
        (0, 10, 20, True),
        (15, 10, 20, False),
    ],
)
def test_the_watchdog_logs_once_for_each_period_without_a_step(
    checked_at: float, logged_at: float, now: float, due: bool
) -> None:
    assert is_due(checked_at, logged_at, now, seconds=10) is due


def test_the_watchdog_names_the_innermost_line_of_the_trainer() -> None:
    paused, resume = threading.Event(), threading.Event()

    def wait() -> float:
        paused.set()
        resume.wait(timeout=10)
        return 0.0

    progress = ProgressFile(Path("unused"), "1" * 32, 10, clock=wait)
    thread = threading.Thread(target=progress.update, args=(1,))
    thread.start()
    paused.wait(timeout=10)
    location = location_of(thread.ident or 0)
    resume.set()
    thread.join()
    assert location.startswith("at progress.py:"), "optimisation/progress.py is in a folder below"
    assert ", in threading.py:" in location


def test_the_watchdog_is_silent_while_work_gets_done(capsys: pytest.CaptureFixture[str]) -> None:
    limit = TimeLimit()
    with watchdog(limit, 5.0), watchdog(TimeLimit(checked_at=0.0), 0):
        limit.raise_if_preempted()
        time.sleep(0.05)
    assert capsys.readouterr().out == ""


def test_without_a_deadline_training_is_never_over() -> None:
    assert not TimeLimit(_started=time.monotonic() - 10**9).training_is_over


def test_being_asked_is_a_sign_of_life() -> None:
    for ask in (TimeLimit.raise_if_preempted, lambda limit: limit.training_is_over):
        limit = TimeLimit(checked_at=0.0)
        ask(limit)
        assert time.monotonic() - limit.checked_at < 60


def test_sagemaker_s_signal_is_a_wish_and_not_an_end() -> None:
    before = signal.getsignal(signal.SIGTERM)
    limit = TimeLimit()
    try:
        limit.install_signal_handler()
        signal.raise_signal(signal.SIGTERM)
        assert limit.preempted
        with pytest.raises(PreemptedError):
            limit.raise_if_preempted()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_place_is_where_a_thread_is_and_where_in_the_trainer(tmp_path: Path) -> None:
    """In whatever room of the trainer: most of its work is done below its first folder."""
    entered, go_on = threading.Event(), threading.Event()

    def clock() -> float:
        entered.set()
        go_on.wait(60)
        return 0.0

    progress = ProgressFile(tmp_path, "1" * 32, 10, clock)
    working = threading.Thread(target=progress.update, args=(1,))
    working.start()
    assert entered.wait(60)
    try:
        assert re.fullmatch(
            r"at progress\.py:\d+, in (threading|test_time_limit)\.py:\d+",
            location_of(working.ident or 0),
        )
    finally:
        go_on.set()
        working.join()
    assert location_of(working.ident or 0) == "the main thread has ended"


def test_a_place_that_is_nowhere_in_the_trainer_is_one() -> None:
    waiting = threading.Event()
    idle = threading.Thread(target=waiting.wait, args=(60,))
    idle.start()
    try:
        assert re.fullmatch(r"at threading\.py:\d+", location_of(idle.ident or 0))
    finally:
        waiting.set()
        idle.join()
