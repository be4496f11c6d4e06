"""A handler parses its event, answers JSON, counts its outcome and logs its job."""

import json
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
