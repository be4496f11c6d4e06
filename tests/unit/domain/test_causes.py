"""What a failure means, however it is wrapped; and how an end that no Catch saw is read."""

import json
from typing import Any

import pytest

from contracts.documents.stages import ExecutionEnded, FailJobInput, Failure
from contracts.errors import TooFewPhotosError
from domain.failures.causes import code_of, facts_of, failure_notice_id, own_failure, raised_again
from domain.failures.redrive import fail_job, reopen
from domain.intake.uploads import Place
from domain.notices.uncaught import ending_of, place_of_input
from domain.notices.words import Ending
from tests.unit.training_kit import NOON, World, job_id, spec

KIND_NAMES = str(TooFewPhotosError(found=3, needed=5))
BY_LAMBDA = json.dumps({"errorMessage": KIND_NAMES, "errorType": "TooFewPhotosError"})


@pytest.mark.parametrize(
    ("cause", "facts"),
    [
        (KIND_NAMES, {"code": "too_few_photos", "found": 3, "needed": 5}),
        (BY_LAMBDA, {"code": "too_few_photos", "found": 3, "needed": 5}),
        (json.dumps({"errorMessage": "words"}), {}),
        (json.dumps({"errorMessage": 5}), {}),
        ("[1]", {}),
        ("words", {}),
        ("", {}),
    ],
)
def test_facts_are_read_out_of_whatever_is_around_them(cause: str, facts: dict[str, Any]) -> None:
    assert facts_of(cause) == facts


def nested(**described: str) -> Failure:
    return Failure(Error="States.TaskFailed", Cause=json.dumps(described))


@pytest.mark.parametrize(
    ("failure", "error", "cause"),
    [
        (nested(Status="FAILED", Error="E", Cause="c"), "E", "c"),
        (nested(Status="FAILED"), "SweepFailedError", '{"code": "sweep_failed"}'),
        (
            nested(Status="FAILED", Error="", Cause=""),
            "SweepFailedError",
            '{"code": "sweep_failed"}',
        ),
        (nested(Status="TIMED_OUT"), "States.Timeout", ""),
        (nested(Status="ABORTED"), "JobCanceledError", '{"code": "canceled"}'),
        (nested(Status="RUNNING", Error="E"), "States.TaskFailed", None),
        (nested(), "States.TaskFailed", None),
        (Failure(Error="E", Cause='{"Status": "FAILED", "Error": "F"}'), "E", None),
    ],
)
def test_a_nested_execution_fails_with_what_failed_in_it(
    failure: Failure, error: str, cause: str | None
) -> None:
    found = own_failure(failure)
    assert (found.error, found.cause) == (error, failure.cause if cause is None else cause)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Failure(Error="TooFewPhotosError", Cause=BY_LAMBDA), "too_few_photos"),
        (nested(Status="FAILED", Error="TooFewPhotosError", Cause=BY_LAMBDA), "too_few_photos"),
        (nested(Status="ABORTED"), "canceled"),
        (nested(Status="TIMED_OUT"), "timed_out"),
        (Failure(Error="States.Timeout", Cause=""), "timed_out"),
        (Failure(Error="States.HeartbeatTimeout", Cause=""), "timed_out"),
        (Failure(Error="Lambda.Unknown", Cause=""), "internal_error"),
        (Failure(Error="E", Cause='{"code": "no_such_code"}'), "internal_error"),
        (Failure(Error="States.Timeout", Cause='{"code": "gate_failed"}'), "gate_failed"),
    ],
)
def test_a_failure_has_a_word_of_the_catalogue(failure: Failure, code: str) -> None:
    assert code_of(failure) == code


@pytest.mark.parametrize(
    ("failure", "name", "text"),
    [
        (Failure(Error="TooFewPhotosError", Cause=BY_LAMBDA), "TooFewPhotosError", KIND_NAMES),
        (Failure(Error="States.Timeout", Cause="words"), "StatesTimeout", "words"),
        (Failure(Error="", Cause=""), "UnknownError", ""),
        (nested(Status="ABORTED"), "JobCanceledError", '{"code": "canceled"}'),
    ],
)
def test_a_failure_is_raised_again_under_its_own_name(
    failure: Failure, name: str, text: str
) -> None:
    error = raised_again(failure)
    assert (type(error).__name__, str(error), error.facts) == (name, text, facts_of(text))


def test_whoever_sends_a_notice_of_an_end_gives_it_one_name() -> None:
    assert failure_notice_id("arn:1", 0) == "failed-5d0e4605bf0bcf874d0dfeb6155a3833"
    names = {failure_notice_id(arn, count) for arn in ("arn:1", "arn:2") for count in (0, 1)}
    assert len(names) == 4


# --- an end that no Catch saw -----------------------------------------------------------------


def ended(status: str, **more: Any) -> Ending:
    detail = {"executionArn": "arn:1", "status": status, **more}
    return ending_of(ExecutionEnded.model_validate({"detail": detail}).detail)


def test_an_end_is_read_in_the_catalogue_s_words() -> None:
    assert ended("TIMED_OUT", redriveCount=2) == Ending("arn:1", 2, "timed_out", {}, "failed")
    assert ended("ABORTED") == Ending("arn:1", 0, "canceled", {}, "canceled")
    facts = {"code": "too_few_photos", "found": 3, "needed": 5}
    reported = ended("FAILED", error="TooFewPhotosError", cause=KIND_NAMES)
    assert reported == Ending("arn:1", 0, "too_few_photos", facts, "failed")
    assert ended("FAILED") == Ending("arn:1", 0, "internal_error", {}, "failed")


@pytest.mark.parametrize("text", [None, "", "words", "[1]", "{}", '{"detail": {}}'])
def test_an_input_that_is_none_names_no_upload(text: str | None) -> None:
    assert place_of_input(text) is None


@pytest.mark.parametrize(
    ("key", "place"),
    [("tenants/acme/uploads/u1/request.json", Place("acme", "u1")), ("elsewhere", None)],
)
def test_an_input_names_the_upload(key: str, place: Place | None) -> None:
    event = {"detail": {"bucket": {"name": "b"}, "object": {"key": key}}}
    assert place_of_input(json.dumps(event)) == place


# --- a redrive ------------------------------------------------------------------------------


def given(*, redriven: int, failed_at: int, job: bool = True) -> FailJobInput:
    state = {
        "state": "InspectPhotos",
        "input": {"job": spec(1)} if job else {},
        "redrive_count": failed_at,
    }
    return FailJobInput.model_validate(
        {
            "failure": {"Error": "TooFewPhotosError", "Cause": BY_LAMBDA},
            "failed": state,
            "execution_arn": "arn:execution:1",
            "redrive_count": redriven,
        }
    )


def failed_world() -> World:
    world = World()
    world.jobs.claim(spec(1), "arn:execution:1", NOON)
    world.jobs.finish(job_id(1), "failed", "too_few_photos", NOON)
    return world


@pytest.mark.parametrize(("redriven", "failed_at"), [(0, 0), (1, 1), (0, 1)])
def test_without_a_redrive_since_a_failure_stays_one(redriven: int, failed_at: int) -> None:
    world = failed_world()
    with pytest.raises(Exception, match="too_few_photos") as caught:
        fail_job(given(redriven=redriven, failed_at=failed_at), world.jobs, NOON)
    assert type(caught.value).__name__ == "TooFewPhotosError"
    assert world.jobs.records[job_id(1)].status == "failed"


def test_a_redrive_goes_on_where_it_failed() -> None:
    world = failed_world()
    fail_job(given(redriven=1, failed_at=0), world.jobs, NOON)
    record = world.jobs.records[job_id(1)]
    assert (record.status, record.stage) == ("processing", "InspectPhotos")


def test_an_execution_without_a_job_has_nothing_to_reopen() -> None:
    assert reopen(given(redriven=1, failed_at=0, job=False), World().jobs, NOON)
    assert not reopen(given(redriven=1, failed_at=0), World().jobs, NOON)
