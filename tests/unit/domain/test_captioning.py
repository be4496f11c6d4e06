"""CaptionPhotos: a large set is described by a job of its own before it is trained."""

import json
from dataclasses import replace

import pytest

from contracts.documents.job import AcceptedUpload
from contracts.documents.money import Estimate
from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.documents.stages import CaptionPhotosInput
from contracts.documents.training import PhotosCaptioned, TrainedAdapter, TrainingPlan
from contracts.shared import layout
from contracts.shared.names import captions_plan_id, plan_id_of_name
from domain.erasure.reach import is_whole
from domain.intake.inspection import decide_training, photos_to_caption
from domain.ports.storage import read_document, write_document
from domain.pricing.estimating import START_SECONDS
from domain.training.cancellation import cancel
from domain.training.following import follow_training_job, reconcile
from domain.training.launching import launch
from domain.training.planning import work_seconds
from domain.training.queueing import queue_for_captions
from domain.training.services import LaunchServices
from tests.unit.training_kit import NOON, REQUEST, SETTINGS, World, inspect, job_id, spec

WITH_CAPTIONER = replace(SETTINGS, captioner_id="blip", num_processes=1, max_batch=4)
ASKED = REQUEST.model_copy(update={"autocaption": True})
MINE = captions_plan_id(job_id(1))


class Stack(World):
    """One large set, in memory."""

    def caption(self, token: str = "captions") -> None:
        """Run the execution up to CaptionPhotos."""
        job = spec(1)
        self.jobs.claim(job, "arn:execution:1", NOON)
        inspect(self.models, job)
        accepted = AcceptedUpload(job=job, request=ASKED, photos=())
        write_document(self.models, layout.models.accepted_upload_key(job.job_id), accepted)
        self.enter_captions(token)

    def enter_captions(self, token: str) -> None:
        self.callbacks.wait(token)
        given = CaptionPhotosInput(job=spec(1), task_token=token)
        queue_for_captions(given, self.jobs, self.callbacks, NOON)

    def launch(self) -> list[str]:
        return launch(LaunchServices(self.services, self.bases, WITH_CAPTIONER), NOON)

    def end(self, status: str = "Completed", reason: str = "") -> None:
        name = self.name_of(1)
        self.trainer.end(name, status, reason)  # type: ignore[arg-type]
        follow_training_job(self.services, name, NOON)

    def described(self) -> "Stack":
        self.caption()
        self.launch()
        self.end()
        return self

    def train(self, token: str = "training") -> list[str]:
        self.callbacks.wait(token)
        self.call_train_adapter(1, token)
        return self.launch()

    def answer(self, token: str = "captions") -> tuple[str | None, str]:
        answer = self.callbacks.answers[token]
        return answer.error, answer.text


def test_the_job_gets_the_captioner_and_no_base_and_writes_beside_the_photos() -> None:
    stack = Stack()
    stack.caption()
    (name,) = stack.launch()
    assert plan_id_of_name(name) == MINE
    request = stack.trainer.requests[name]
    channels = {one["ChannelName"]: one["DataSource"] for one in request["InputDataConfig"]}
    assert set(channels) == {"plan", "photos", "captioner"}
    place = f"s3://uploads/accepted/{job_id(1)}/captions/"
    assert request["CheckpointConfig"]["S3Uri"] == place
    assert request["StoppingCondition"]["MaxRuntimeInSeconds"] == SETTINGS.max_captioning_seconds
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert (tags["work"], tags["job"], tags["plan"]) == ("captions", job_id(1), MINE)
    plan = read_document(stack.models, layout.models.plan_key(MINE), TrainingPlan)
    assert plan.captions_only
    assert plan.tasks[0].marks is None


def test_the_training_that_follows_reads_the_captions_and_loads_no_captioner() -> None:
    stack = Stack().described()
    error, text = stack.answer()
    assert error is None
    assert PhotosCaptioned.model_validate_json(text).job_id == job_id(1)
    (name,) = stack.train()
    assert plan_id_of_name(name) == job_id(1)
    request = stack.trainer.requests[name]
    assert {one["ChannelName"] for one in request["InputDataConfig"]} == {"plan", "photos", "base"}
    plan = read_document(stack.models, layout.models.plan_key(job_id(1)), TrainingPlan)
    captions = f"{job_id(1)}/captions/captions.json"
    assert plan.tasks[0].captions == captions
    manifest = json.loads(stack.models.read(layout.models.photos_manifest_key(job_id(1)), 10_000))
    assert captions in manifest
    stack.write_result(1)
    stack.end()
    assert TrainedAdapter.model_validate_json(stack.answer("training")[1]).job_id == job_id(1)


def test_the_training_waits_until_the_instance_is_free() -> None:
    """The same instance then starts it warm."""
    stack = Stack()
    stack.caption()
    (name,) = stack.launch()
    stack.jobs.record_captions(job_id(1), NOON)
    assert stack.train() == [], "the job that captions has not ended"
    stack.trainer.end(name)
    assert len(stack.launch()) == 1


def test_a_crash_between_the_answer_and_the_queue_loses_nothing() -> None:
    stack = Stack()
    stack.caption()
    (name,) = stack.launch()
    stack.trainer.end(name)
    stack.callbacks.succeed("captions", "{}", job_id(1))
    stack.jobs.record_captions(job_id(1), NOON)
    record = stack.jobs.get(job_id(1))
    assert record is not None
    assert record.queue == "training"
    (training,) = stack.train()
    assert plan_id_of_name(training) == job_id(1)
    record = stack.jobs.get(job_id(1))
    assert record is not None
    assert not record.alone


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("AlgorithmError: captions_unfinished: the time ended", "captions_unfinished"),
        ("AlgorithmError: captioner_missing: none", "captioner_missing"),
        ("AlgorithmError: , exit code: 1", None),
    ],
)
def test_a_failure_has_its_own_code_and_a_redrive_goes_on(reason: str, code: str | None) -> None:
    stack = Stack()
    stack.caption()
    (first,) = stack.launch()
    stack.end("Failed", reason)
    error, text = stack.answer()
    assert error == "CaptioningFailedError"
    assert json.loads(text)["code"] == (code or "captioning_failed")
    stack.enter_captions("again")
    (second,) = stack.launch()
    assert second != first
    assert plan_id_of_name(second) == plan_id_of_name(first), "it finds what was described"


def test_sagemaker_s_own_fault_is_tried_again() -> None:
    stack = Stack()
    stack.caption()
    stack.launch()
    stack.end("Failed", "InternalServerError: sorry")
    assert "captions" not in stack.callbacks.answers
    assert len(stack.launch()) == 1


def test_a_lost_event_is_found() -> None:
    stack = Stack()
    stack.caption()
    (name,) = stack.launch()
    stack.trainer.end(name)
    reconcile(stack.services, NOON)
    assert stack.answer()[0] is None


def test_what_is_described_already_is_answered_at_once() -> None:
    stack = Stack().described()
    stack.enter_captions("again")
    assert stack.answer("again")[0] is None
    assert stack.launch() == []


def test_a_cancelled_job_stops_the_captioning() -> None:
    stack = Stack()
    stack.caption()
    stack.launch()
    cancel(job_id(1), stack.services, NOON)
    assert stack.trainer.running() == []
    assert stack.answer()[0] == "JobCanceledError"


def test_money_and_time_are_split_between_both_jobs() -> None:
    stack = Stack()
    stack.caption()
    estimate = Estimate(steps=10, seconds=1000, captioning_seconds=250, usd=1.0)
    stack.jobs.record_estimate(job_id(1), estimate, 4000, None)
    record = stack.jobs.get(job_id(1))
    assert record is not None
    assert work_seconds(record) == 250 - START_SECONDS
    (first,) = stack.launch()
    stack.end()
    (second,) = stack.train()
    limits = [stack.trainer.requests[name]["StoppingCondition"] for name in (first, second)]
    assert [limit["MaxRuntimeInSeconds"] for limit in limits] == [1000, 3000]


def test_an_erasure_knows_the_plan_without_reading_it() -> None:
    assert is_whole(MINE, [job_id(1)], World().models)


def verdicts(own: int, bare: int) -> list[PhotoVerdict]:
    captions = ["TOK smiles"] * own + [None, " "] * (bare // 2)
    return [
        PhotoVerdict(index=number, verdict="accepted", caption=caption)
        for number, caption in enumerate(captions)
    ]


@pytest.mark.parametrize(
    ("own", "bare", "changes", "expected"),
    [
        (0, 8, {}, 8),
        (5, 8, {}, 8),
        (5, 6, {}, 0),  # too few without a caption
        (0, 8, {"autocaption": False}, 0),
        (0, 8, {"background": "blur"}, 0),
        (0, 8, {"face_crop": "auto"}, 0),
    ],
)
def test_only_large_sets_that_stay_as_they_are_are_described_before(
    own: int, bare: int, changes: dict[str, object], expected: int
) -> None:
    photos = verdicts(own, bare)
    request = ASKED.model_copy(update=changes)
    assert photos_to_caption(photos, request, 8) == expected
    assert PhotoReport(job_id=job_id(1), photos=(), to_caption=expected).to_caption == expected


def test_a_dry_run_describes_nothing_and_a_sweep_is_described_once() -> None:
    dry = decide_training(ASKED.model_copy(update={"dry_run": True}), captions=True)
    assert (dry.dry_run, dry.captions) == (True, False)
    assert decide_training(ASKED, captions=True).captions
