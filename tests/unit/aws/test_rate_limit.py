"""What SageMaker cannot take now waits: the rate limiter, and every way in which it refuses."""

import json
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws.rate_limit import BURST, RateLimiter
from aws.training import SageMakerTrainer
from contracts.shared.instances.quotas import refusal_sentence
from domain.training.launching import launch
from domain.training.services import LaunchServices, TrainingServices
from tests.unit.training_kit import NOON, SETTINGS, World, job_id


class Clock:
    """Time that passes only while somebody rests."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def rest(self, seconds: float) -> None:
        self.seconds += seconds


def test_requests_go_out_at_one_a_second_after_a_burst() -> None:
    clock = Clock()
    limiter = RateLimiter(clock.now, clock.rest)
    times = []
    for _ in range(BURST + 5):
        limiter.wait()
        times.append(clock.seconds)
    assert times == [0.0] * BURST + [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_rest_fills_the_bucket_and_never_beyond_it() -> None:
    clock = Clock()
    limiter = RateLimiter(clock.now, clock.rest)
    for pause in (0.0, 3.0, 1000.0):
        clock.rest(pause)
        begun = clock.seconds
        for _ in range(2 * BURST):
            limiter.wait()
        assert clock.seconds - begun >= BURST


def test_a_slow_launcher_never_rests() -> None:
    clock = Clock()
    limiter = RateLimiter(clock.now, clock.rest)
    times = [0.0]
    for _ in range(50):
        clock.rest(1.5)
        limiter.wait()
        times.append(clock.seconds)
    assert {later - earlier for earlier, later in pairwise(times)} == {1.5}


class RefusingSageMaker:
    """Refuses to create; knows no job."""

    def __init__(self, code: str, sentence: str) -> None:
        self.error = {"Code": code, "Message": sentence}

    def create_training_job(self, **_request: Any) -> None:
        raise ClientError({"Error": self.error}, "CreateTrainingJob")


def launch_with(world: World, code: str, sentence: str = "no") -> list[str]:
    trainer = SageMakerTrainer(RefusingSageMaker(code, sentence))
    services = TrainingServices(world.jobs, world.models, trainer, world.callbacks)
    return launch(LaunchServices(services, world.bases, SETTINGS), NOON)


@pytest.mark.parametrize("code", ["ResourceLimitExceeded", "CapacityError", "ThrottlingException"])
def test_a_refusal_for_now_means_wait_and_the_job_s_status_is_reported(code: str) -> None:
    world = World()
    world.enter(1)
    assert launch_with(world, code) == []
    record = world.jobs.records[job_id(1)]
    assert (record.status, record.queue) == ("processing", "queued")
    assert (record.queue_place, record.waiting_for) == (1, "capacity")
    assert world.callbacks.answers == {}
    assert launch(world.launching, NOON), "the next launcher tries again"
    assert world.jobs.records[job_id(1)].waiting_for is None


def test_a_refusal_is_logged_and_kept_in_aws_s_own_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.enter(1)
    sentence = refusal_sentence("ml.g5.2xlarge for training job usage", 3)
    launch_with(world, "ResourceLimitExceeded", sentence)
    assert world.jobs.records[job_id(1)].refusal == sentence
    (line,) = [vars(one) for one in caplog.records if one.msg == "training job refused"]
    assert (line["code"], line["sentence"]) == ("ResourceLimitExceeded", sentence)


def test_a_quota_of_zero_ends_the_wait_at_once() -> None:
    world = World()
    world.enter(1)
    sentence = refusal_sentence("ml.g5.2xlarge for training job usage", 0)
    launch_with(world, "ResourceLimitExceeded", sentence)
    (failure,) = world.callbacks.answers.values()
    assert json.loads(failure.text) == {"code": "quota_zero", "sentence": sentence}


def test_a_refused_request_ends_the_job_and_its_sentence_is_for_the_log_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.enter(1)
    sentence = 'No S3 objects found under S3 URL "s3://bases/x/" ... role "arn:aws:iam::1:role/x"'
    assert launch_with(world, "ValidationException", sentence) == []
    (failure,) = world.callbacks.answers.values()
    assert json.loads(failure.text) == {"code": "training_refused"}
    assert world.jobs.records[job_id(1)].refusal is None
    (line,) = [vars(one) for one in caplog.records if one.msg == "training job refused"]
    assert (line["code"], line["sentence"]) == ("ValidationException", sentence)


def test_a_missing_permission_ends_every_job_that_needs_it_and_its_sentence_is_logged_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.enter(1, "token-1")
    world.enter(2, "token-2")
    sentence = "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: iam:PassRole"
    assert launch_with(world, "AccessDeniedException", sentence) == []
    for token in ("token-1", "token-2"):
        assert json.loads(world.callbacks.answers[token].text) == {"code": "training_denied"}
    assert world.jobs.queued() == world.jobs.in_training() == []
    assert world.jobs.records[job_id(1)].refusal is None
    lines = [vars(one) for one in caplog.records if one.msg == "training job refused"]
    assert {line["sentence"] for line in lines} == {sentence}


def test_an_error_that_no_document_of_aws_names_is_raised() -> None:
    world = World()
    world.enter(1)
    with pytest.raises(ClientError):
        launch_with(world, "InternalFailure")
