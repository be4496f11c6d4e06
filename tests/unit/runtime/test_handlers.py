"""A handler parses its event, answers JSON, counts its outcome and logs its job."""

import json
from io import StringIO
from typing import Any

import pytest

from contracts.document import Document, JobId
from contracts.errors import GateFailedError, StageInputError
from runtime.handlers import listener, logger, stage
from tests.fakes.context import context

JOB = "0" * 32


class Question(Document):
    job_id: JobId
    count: int


class Reply(Document):
    squares: tuple[int, ...]


@stage
def squares(question: Question) -> Reply:
    if question.count < 0:
        raise GateFailedError(found=question.count)
    return Reply(squares=tuple(n * n for n in range(question.count)))


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_stage_answers_json() -> None:
    assert squares({"job_id": JOB, "count": 3}, context()) == {"squares": [0, 1, 4]}


def test_an_unknown_field_fails_without_repeating_the_value() -> None:
    with pytest.raises(StageInputError) as caught:
        squares({"job_id": JOB, "count": "private words", "extra": 1}, context())
    assert caught.value.facts["fields"] == "count, extra"
    assert "private" not in str(caught.value)


def test_every_outcome_is_counted_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    squares({"job_id": JOB, "count": 1}, context())
    with pytest.raises(GateFailedError):
        squares({"job_id": JOB, "count": -1}, context())
    counts = [line for line in lines(capsys) if "_aws" in line]
    assert [(c.get("Succeeded"), c.get("Failed")) for c in counts] == [([1.0], None), (None, [1.0])]


def test_the_log_carries_the_job_and_forgets_it_again() -> None:
    squares({"job_id": JOB, "count": 1}, context())
    assert logger.get_current_keys()["job_id"] == JOB
    with pytest.raises(StageInputError):
        squares({}, context())
    assert "job_id" not in logger.get_current_keys()


def test_a_listener_answers_nothing_and_may_ignore_its_event() -> None:
    seen: list[int] = []

    @listener
    def on_schedule() -> None:
        seen.append(1)

    @listener
    def on_event(event: Question) -> None:
        seen.append(event.count)

    on_schedule({"anything": True}, context())
    on_event({"job_id": JOB, "count": 7}, context())
    assert seen == [1, 7]


# --- what is logged, counted and traced -----------------------------------------------------


class BrokenError(Exception):
    """A fault of ours, whose text could repeat somebody's words."""


@stage
def breaking(_question: Question) -> Reply:
    raise BrokenError("private words")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the functions write from now on."""
    written = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    return written


def reported(log: StringIO) -> list[dict[str, Any]]:
    given_text = [json.loads(line) for line in log.getvalue().splitlines()]
    kept = ("level", "message", "stage", "job_id", "error", "facts")
    return [{name: line[name] for name in kept if name in line} for line in given_text]


def counted(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, float]]:
    """Name, the stage or the service it is about, and value of each figure."""
    found = []
    for line in lines(capsys):
        (metric,) = line["_aws"]["CloudWatchMetrics"]
        (name,) = (one["Name"] for one in metric["Metrics"])
        found.append((name, line.get("stage", ""), line[name][0]))
    return found


def test_a_stage_that_is_done_says_so(log: StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    squares({"job_id": JOB, "count": 1}, context())
    name = __name__.partition(".")[0]
    assert reported(log) == [
        {"level": "INFO", "message": "stage done", "stage": name, "job_id": JOB},
    ]
    assert counted(capsys) == [("Succeeded", name, 1.0)]


def test_a_failure_on_purpose_is_logged_with_its_facts(
    log: StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(GateFailedError):
        squares({"job_id": JOB, "count": -2}, context())
    (line,) = reported(log)
    assert (line["level"], line["error"], line["job_id"]) == ("WARNING", "GateFailedError", JOB)
    assert line["facts"] == {"code": "gate_failed", "found": -2}
    assert [name for name, _, _ in counted(capsys)] == ["Failed"]


def test_a_crash_is_logged_by_its_name_alone_and_counted_twice(
    log: StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BrokenError):
        breaking({"job_id": JOB, "count": 1}, context())
    (line,) = reported(log)
    assert (line["level"], line["error"], line["job_id"]) == ("ERROR", "BrokenError", JOB)
    assert "facts" not in line
    assert "private" not in log.getvalue()
    assert [name for name, _, _ in counted(capsys)] == ["Crashed", "Crashes"]


def test_fields_that_are_wrong_are_named_in_order_and_so_many() -> None:
    with pytest.raises(StageInputError) as caught:
        squares({"job_id": "x", "zzz": 1, "aaa": 1}, context())
    assert caught.value.facts["fields"] == "aaa, count, job_id, zzz"
    assert caught.value.__cause__ is None
    with pytest.raises(StageInputError) as many:
        squares({f"field_{n:03d}": n for n in range(99)}, context())
    assert len(str(many.value.facts["fields"])) == 200


def test_a_function_keeps_its_name_behind_the_handler() -> None:
    assert squares.__name__ == "squares"
    assert breaking.__doc__ is None
