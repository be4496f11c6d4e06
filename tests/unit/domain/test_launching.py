"""Queued jobs become training jobs, once each, within the quota."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.base import RefinerFiles, files_of
from contracts.documents.capacity import CapacityChoice, CapacityMode
from contracts.documents.job import AcceptedUpload
from contracts.documents.money import Estimate
from contracts.documents.photos import PhotoReport, PhotoVerdict, StoredFile
from contracts.documents.stages import LaunchEvent
from contracts.documents.training import TaskPhoto, TrainingPlan
from contracts.errors import TrainingFailedError
from contracts.shared import layout
from contracts.shared.instances.quotas import refusal_sentence
from contracts.shared.pictures.mark_keys import PURPOSES, MarkSecret, derive_keys, to_text
from domain.ports.cost_records import CostRecord
from domain.ports.jobs import Attempt
from domain.ports.storage import read_document, write_document
from domain.ports.trainer import CreateOutcome, NoCapacity
from domain.pricing.grid import changed
from domain.training.creating import claim, create_training_job
from domain.training.following import reconcile
from domain.training.launching import launch, may_be_training, tenants_of, untrained
from domain.training.marks import MarksOfTrainings
from domain.training.planning import LaunchOrder, order_of
from domain.training.tasks import task_of
from domain.training.verdicts import LAUNCH_GRACE
from tests.contract.files import ROOT
from tests.fakes.faults import before_next, die
from tests.fakes.training import MemoryTrainer
from tests.unit.training_kit import CARD, NOON, SETTINGS, World, job_id, record

SECRET = MarkSecret(seed="s" * 32)
CHOICE = CapacityChoice(capacity="warm", reason="stack", users=1)


def test_a_queued_job_is_trained() -> None:
    world = World()
    world.enter(1)
    assert launch(world.launching, NOON) == [f"likeness-{job_id(1)}-1"]
    assert world.trainer.running() == [f"likeness-{job_id(1)}-1"]


def test_the_trainer_finds_its_plan_and_the_photos_that_passed() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    plan = read_document(world.models, layout.models.plan_key(job_id(1)), TrainingPlan)
    assert [photo.index for photo in plan.tasks[0].photos] == [0, 2]
    manifest = json.loads(world.models.objects[layout.models.photos_manifest_key(job_id(1))])
    assert manifest == [
        {"prefix": "s3://uploads/accepted/"},
        f"{job_id(1)}/000.png",
        f"{job_id(1)}/002.png",
    ]


def test_each_task_gets_keys_that_mark_as_its_own_job_and_never_the_stack_s() -> None:
    world = World()
    for number in (1, 2):
        world.enter(number)
    marks = MarksOfTrainings(SECRET, label="made by AI")
    launch(replace(world.launching, marks=marks), NOON)
    texts = [body.decode() for key, body in world.models.objects.items() if "/plan/" in key]
    tasks = [task for text in texts for task in TrainingPlan.model_validate_json(text).tasks]
    given = [task.marks for task in tasks if task.marks is not None]
    assert len(given) == len({one.signing_key for one in given}) == 2
    assert {one.label for one in given} == {"made by AI"}
    serving, training = (derive_keys(SECRET.seed, each) for each in PURPOSES)
    for secret in (serving.watermark, serving.signing, training.signing):
        assert all(to_text(secret) not in text for text in texts)
    assert all(SECRET.seed not in text for text in texts)


def test_a_launch_that_is_repeated_starts_nothing_more() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    assert launch(world.launching, NOON) == []
    assert len(world.trainer.requests) == 1


def test_a_slot_is_free_as_soon_as_its_training_job_has_ended() -> None:
    world = World(trainer=MemoryTrainer(limit=1))
    launching = replace(world.launching, settings=replace(SETTINGS, quota=1))
    world.enter(1)
    (name,) = launch(launching, NOON)
    world.enter(2)
    assert launch(launching, NOON) == [], "the first user's row still waits for follow_training"
    world.trainer.end(name)
    assert launch(launching, NOON, ended=name) == [f"likeness-{job_id(2)}-1"]


@pytest.mark.parametrize("case", ["slot_free", "job_queued", "every_minute"])
def test_the_launcher_hears_which_training_job_ended(case: str) -> None:
    event = (ROOT / f"events/launch_training/{case}.json").read_bytes()
    ended = LaunchEvent.model_validate_json(event).ended
    assert bool(ended) == (case == "slot_free")


def test_of_two_launchers_that_planned_the_same_job_one_starts_it() -> None:
    world = World()
    world.enter(1)
    before_next(world.jobs, "start_training", lambda: launch(world.launching, NOON))
    launch(world.launching, NOON)
    assert len(world.trainer.requests) == 1


def test_without_capacity_the_job_waits_and_is_tried_again() -> None:
    world = World()
    world.trainer.limit = 0
    world.enter(1)
    assert launch(world.launching, NOON) == []
    assert [job.job_id for job in world.jobs.queued()] == [job_id(1)]
    world.trainer.limit = 1
    assert len(launch(world.launching, NOON)) == 1


def test_the_record_keeps_aws_s_sentence_until_a_training_job_starts() -> None:
    world = World()
    world.trainer.limit = 0
    world.enter(1)
    launch(world.launching, NOON)
    assert world.jobs.records[job_id(1)].refusal == "There is no capacity."
    world.trainer.limit = 1
    launch(world.launching, NOON)
    assert world.jobs.records[job_id(1)].refusal is None


def test_a_quota_of_zero_ends_every_job_that_waits_for_it_at_once() -> None:
    world = World()
    sentence = refusal_sentence("ml.g5.2xlarge for training job usage", 0)
    world.trainer.limit, world.trainer.refusal = 0, NoCapacity(sentence, 0)
    world.enter(1, "token-1")
    world.enter(2, "token-2")
    assert launch(world.launching, NOON) == []
    assert world.jobs.queued() == []
    for token in ("token-1", "token-2"):
        failure = world.callbacks.answers[token]
        assert failure.error == "TrainingFailedError"
        assert json.loads(failure.text) == {"code": "quota_zero", "sentence": sentence}


def test_a_request_that_sagemaker_refuses_ends_its_job_and_holds_up_no_other() -> None:
    world = World()
    world.enter(1, "token-1")
    world.enter(2, "token-2")
    place = f"s3://{SETTINGS.models_bucket}/{layout.models.photos_manifest_key(job_id(1))}"
    world.trainer.empty = {place}
    alone = replace(world.launching, settings=replace(SETTINGS, max_batch=1))
    (name,) = launch(alone, NOON)
    assert world.jobs.records[job_id(2)].training_job_name == name
    failure = world.callbacks.answers["token-1"]
    assert failure.error == "TrainingFailedError"
    assert json.loads(failure.text) == {"code": "training_refused"}
    assert world.jobs.queued() == []
    assert launch(alone, NOON) == []
    assert list(world.trainer.requests) == [name]


def test_a_refused_job_is_trained_by_a_redrive_once_the_reason_is_mended() -> None:
    world = World()
    world.enter(1, "token-1")
    place = f"s3://{SETTINGS.models_bucket}/{layout.models.photos_manifest_key(job_id(1))}"
    world.trainer.empty = {place}
    launch(world.launching, NOON)
    world.trainer.empty = set()
    world.enter(1, "token-2")
    assert len(launch(world.launching, NOON)) == 1


def test_no_more_is_asked_for_once_capacity_is_refused() -> None:
    world = World()
    world.trainer.limit = 1
    for number in range(4):
        world.enter(number, f"token-{number}")
    assert len(launch(world.launching, NOON)) == 1
    assert len(world.jobs.queued()) == SETTINGS.quota + 1


def test_a_launcher_whose_time_is_over_claims_nothing_more() -> None:
    world = World()
    for number in range(2):
        world.enter(number, f"token-{number}")
    times = iter([True, False])
    launching = replace(world.launching, has_time=lambda: next(times))
    assert len(launch(launching, NOON)) == 1
    assert len(world.jobs.queued()) == 1


def test_a_launcher_that_died_after_its_claim_loses_the_job_to_the_next() -> None:
    world = World()
    world.enter(1)
    before_next(world.trainer, "create", die)
    with pytest.raises(KeyboardInterrupt):
        launch(world.launching, NOON)
    reconcile(world.services, NOON + timedelta(minutes=1))
    assert not world.jobs.queued(), "the launcher may still be alive"
    later = NOON + timedelta(minutes=4)
    reconcile(world.services, later)
    assert launch(world.launching, later) == [f"likeness-{job_id(1)}-2"]


def test_a_launcher_that_died_after_create_has_started_the_job() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    reconcile(world.services, NOON + timedelta(hours=1))
    launch(world.launching, NOON + timedelta(hours=1))
    assert len(world.trainer.requests) == 1


def test_a_retried_stage_trains_once() -> None:
    world = World()
    world.enter(1)
    world.call_train_adapter(1, "token")
    launch(world.launching, NOON)
    world.call_train_adapter(1, "token")
    launch(world.launching, NOON)
    assert len(world.trainer.requests) == 1


def test_a_stage_that_is_entered_again_adopts_the_running_training() -> None:
    world = World()
    world.enter(1, "first")
    launch(world.launching, NOON)
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    assert launch(world.launching, NOON) == []
    assert world.jobs.records[job_id(1)].task_token == "second"


def test_a_finished_adapter_is_adopted_at_once_and_nothing_is_trained() -> None:
    world = World()
    world.enter(1, "first")
    launch(world.launching, NOON)
    world.write_result(1)
    world.jobs.leave_queue(job_id(1), "first", NOON)
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    assert world.callbacks.answers["second"].error is None
    assert launch(world.launching, NOON) == []


def test_a_failure_of_an_earlier_attempt_does_not_block_a_new_one() -> None:
    world = World()
    world.enter(1, "first")
    launch(world.launching, NOON)
    world.write_result(1, failure="training_diverged")
    world.trainer.end(world.name_of(1))
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    assert launch(world.launching, NOON) == [f"likeness-{job_id(1)}-2"]
    reconcile(world.services, NOON)
    assert "second" in world.callbacks.waiting


def test_a_launcher_looks_for_an_adapter_before_it_spends_a_gpu() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    name = world.name_of(1)
    world.jobs.requeue(job_id(1), name, NOON)
    world.write_result_of(1, name)
    world.trainer.end(name)
    assert launch(world.launching, NOON) == []
    assert world.callbacks.answers["token"].error is None
    assert world.jobs.records[job_id(1)].queue is None


def test_a_training_that_outlived_its_execution_is_waited_for_and_adopted() -> None:
    world = World()
    world.enter(1, "first")
    launch(world.launching, NOON)
    world.jobs.finish(job_id(1), "failed", "canceled", NOON)
    world.jobs.reopen(job_id(1), "arn:execution:1", "TrainAdapter", NOON)
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    assert launch(world.launching, NOON) == []
    world.write_result(1)
    world.trainer.end(world.name_of(1))
    assert launch(world.launching, NOON) == []
    assert world.callbacks.answers["second"].error is None


def test_a_job_whose_documents_are_gone_fails_and_the_others_are_trained() -> None:
    world = World()
    world.enter(1, "lost")
    world.enter(2, "fine")
    world.models.delete(layout.models.photo_report_key(job_id(1)))
    assert launch(world.launching, NOON) == [f"likeness-{job_id(2)}-1"]
    assert world.callbacks.answers["lost"].error == "TrainingFailedError"


@pytest.mark.parametrize("captioner", [None, "blip-large"])
@pytest.mark.parametrize("autocaption", [False, True])
def test_a_training_job_gets_the_stacks_captioner_if_a_user_asks_for_captions(
    captioner: str | None, *, autocaption: bool
) -> None:
    world = World()
    settings = replace(SETTINGS, captioner_id=captioner, quota=2)
    for number in (1, 2):
        world.enter(number)
        key = layout.models.accepted_upload_key(job_id(number))
        accepted = read_document(world.models, key, AcceptedUpload)
        wanted_request = changed(accepted.request, autocaption=autocaption)
        changes = {"request": wanted_request}
        write_document(world.models, key, accepted.model_copy(update=changes))
    launch(replace(world.launching, settings=settings), NOON)
    assert len(world.trainer.requests) == 2
    for request in world.trainer.requests.values():
        uris = {
            channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
            for channel in request["InputDataConfig"]
        }
        wanted = (
            None if captioner is None or not autocaption else "s3://bases/captioners/blip-large/"
        )
        assert uris.get(layout.container.CAPTIONER_CHANNEL) == wanted


# --- claims ---------------------------------------------------------------------------------


def queued_world(*numbers: int) -> World:
    world = World()
    for number in numbers:
        world.enter(number, f"token-{number}")
    return world


def order_for(world: World, *numbers: int) -> LaunchOrder:
    return order_of(tuple(world.jobs.records[job_id(number)] for number in numbers))


def take(world: World, number: int) -> None:
    """Do as another launcher does."""
    taken = Attempt(job_id(number), f"likeness-{job_id(number)}-1", 1)
    assert world.jobs.start_training(job_id(number), taken, NOON)


def test_whoever_has_not_got_the_leader_claims_nobody_else() -> None:
    world = queued_world(1, 2, 3)
    order = order_for(world, 1, 2, 3)
    take(world, 1)
    assert claim(world.jobs, order, CHOICE, NOON) == []
    assert {record.job_id for record in world.jobs.queued()} == {job_id(2), job_id(3)}


def test_whoever_has_the_leader_claims_all_that_are_left() -> None:
    world = queued_world(1, 2, 3)
    order = order_for(world, 1, 2, 3)
    take(world, 2)
    claimed = claim(world.jobs, order, CHOICE, NOON)
    assert [record.job_id for record in claimed] == [job_id(1), job_id(3)]
    assert {record.training_job_name for record in claimed} == {order.training_job_name}
    assert {(record.queue, record.attempt) for record in claimed} == {("training", 1)}


def test_an_order_of_which_nothing_is_left_starts_nothing() -> None:
    world = queued_world(1)
    order = order_for(world, 1)
    take(world, 1)
    assert create_training_job(world.launching, order, CHOICE, NOON) == "nothing_left"
    assert (world.trainer.requests, world.jobs.cost_records) == ({}, {})


def test_a_job_is_seen_as_the_table_has_it_and_not_as_the_index_had_it() -> None:
    world = queued_world(1)
    launch(world.launching, NOON)
    world.jobs.requeue(job_id(1), world.name_of(1), NOON)
    stale = world.jobs.queued()
    launch(world.launching, NOON)
    world.jobs.queued = lambda: stale  # type: ignore[method-assign]
    assert untrained(world.services, NOON) == []


def test_an_attempt_without_a_training_job_is_waited_for_until_its_grace_is_over() -> None:
    job = record(1, attempt=1).model_copy(update={"training_job_name": "likeness-1-1"})
    trainer = MemoryTrainer()
    assert may_be_training(job, trainer, NOON + LAUNCH_GRACE)
    assert not may_be_training(job, trainer, NOON + LAUNCH_GRACE + timedelta(seconds=1))
    assert not may_be_training(record(1), trainer, NOON)


# --- what is asked of SageMaker, and what is written for it -----------------------------------


def test_a_training_job_has_the_base_and_the_folders_of_its_plan() -> None:
    world = queued_world(1)
    (name,) = launch(world.launching, NOON)
    inputs = world.trainer.requests[name]["InputDataConfig"]
    uris = {c["ChannelName"]: c["DataSource"]["S3DataSource"]["S3Uri"] for c in inputs}
    assert uris == {
        "plan": f"s3://models/training/{job_id(1)}/plan/",
        "photos": f"s3://models/training/{job_id(1)}/photos.manifest",
        "base": "s3://bases/bases/portraits-sdxl/",
    }


@pytest.mark.parametrize("spot", [True, False])
def test_a_bill_says_whether_the_training_job_can_leave_a_pool(spot: bool) -> None:
    world = queued_world(1, 2, 3, 4)
    mode: CapacityMode = "spot" if spot else "warm"
    settings = replace(SETTINGS, quota=1, max_batch=2, capacity_mode=mode)
    (name,) = launch(replace(world.launching, settings=settings), NOON)
    assert world.jobs.cost_records[name].cost_record == CostRecord(
        name, order_for(world, 1, 2).plan_id, spot=spot, pool="ml.g5.2xlarge/50"
    )


class NoSpot(MemoryTrainer):
    """A SageMaker whose account may use no spot instance."""

    def create(self, request: dict[str, Any]) -> CreateOutcome:
        if request["EnableManagedSpotTraining"]:
            return NoCapacity(refusal_sentence("ml.g5.2xlarge for spot training job usage", 0), 0)
        return super().create(request)


def launched_without_spot(mode: CapacityMode) -> tuple[World, list[str]]:
    """Launch four long trainings, which are cheaper on spot instances."""
    world = World(trainer=NoSpot())
    for number in (1, 2, 3, 4):
        world.enter(number, f"token-{number}")
        record = world.jobs.records[job_id(number)]
        estimate = Estimate(steps=1000, seconds=7200, usd=1)
        world.jobs.records[job_id(number)] = record.model_copy(update={"estimate": estimate})
    settings = replace(SETTINGS, quota=1, max_batch=4, capacity_mode=mode)
    return world, launch(replace(world.launching, settings=settings), NOON)


def test_where_the_account_may_use_no_spot_the_planner_trains_on_demand() -> None:
    world, names = launched_without_spot("planned")
    (request,) = (world.trainer.requests[name] for name in names)
    assert not request["EnableManagedSpotTraining"]
    assert world.callbacks.answers == {}
    choice = world.jobs.records[job_id(1)].capacity
    assert choice is not None
    assert (choice.capacity, choice.reason) == ("warm", "no_spot")
    assert world.jobs.records[job_id(1)].attempt == 2, "the name of the first attempt is not used"


class SpotIsFull(MemoryTrainer):
    """A SageMaker that has refused a spot job, for whatever reason."""

    def __init__(self, quota: int | None) -> None:
        super().__init__()
        self.quota, self.refused = quota, 0

    def create(self, request: dict[str, Any]) -> CreateOutcome:
        if request["EnableManagedSpotTraining"]:
            self.refused += 1
            return NoCapacity("No spot instance.", self.quota)
        return super().create(request)


@pytest.mark.parametrize("quota", [0, 1, None])
def test_a_refused_spot_job_is_planned_again_at_once_and_asked_for_once(quota: int | None) -> None:
    trainer = SpotIsFull(quota)
    world = queued_world(*range(40))
    world.trainer = trainer
    for number in range(40):
        estimate = Estimate(steps=1, seconds=1240, usd=None)
        world.jobs.record_estimate(job_id(number), estimate, None)
    settings = replace(SETTINGS, quota=2, max_batch=10, capacity_mode="planned")
    names = launch(replace(world.launching, settings=settings), NOON)
    assert (len(names), trainer.refused) == (2, 1)
    assert len(world.jobs.in_training()) == 10 + 8, "the second is planned for those that are left"
    assert not world.callbacks.answers, "nobody fails for the lack of spot instances"
    reasons = {job.capacity.reason for job in world.jobs.in_training() if job.capacity is not None}
    assert reasons == {"no_spot"}
    assert {job.attempt for job in world.jobs.in_training()} == {1, 2}


def test_who_wants_spot_where_the_account_may_use_none_learns_it_at_once() -> None:
    world, names = launched_without_spot("spot")
    codes = [json.loads(failure.text)["code"] for failure in world.callbacks.answers.values()]
    assert codes == ["quota_zero"] * len(codes)
    assert len(codes) >= 2
    training, queued = world.jobs.in_training(), world.jobs.queued()
    assert len(codes) + len(training) + len(queued) == 4, "a single user trains on demand"
    assert len(names) == len(training)


def test_masks_and_class_pictures_travel_with_the_photos_each_once() -> None:
    world = queued_world(1)
    stored = [StoredFile(file=name, sha256="3" * 64) for name in ("000.mask.png", "class/000.png")]
    report = PhotoReport(
        job_id=job_id(1),
        photos=(
            PhotoVerdict(
                index=0,
                verdict="accepted",
                file="000.png",
                sha256="0" * 64,
                caption="smiling",
                mask=stored[0],
                repeats=3,
            ),
            PhotoVerdict(index=1, verdict="accepted", file="001.png"),
            PhotoVerdict(index=2, verdict="accepted", sha256="0" * 64),
            PhotoVerdict(index=3, verdict="refused", file="003.png", sha256="0" * 64),
        ),
        class_photos=(stored[1],),
    )
    write_document(world.models, layout.models.photo_report_key(job_id(1)), report)
    launch(world.launching, NOON)
    (task,) = read_document(world.models, layout.models.plan_key(job_id(1)), TrainingPlan).tasks
    (photo,) = task.photos
    assert photo == TaskPhoto(
        index=0,
        file=f"{job_id(1)}/000.png",
        sha256="0" * 64,
        caption="smiling",
        mask=StoredFile(file=f"{job_id(1)}/000.mask.png", sha256="3" * 64),
        repeats=3,
    )
    assert task.class_photos == (StoredFile(file=f"{job_id(1)}/class/000.png", sha256="3" * 64),)
    manifest = json.loads(world.models.objects[layout.models.photos_manifest_key(job_id(1))])
    names = ("000.png", "000.mask.png", "class/000.png")
    assert manifest[1:] == [f"{job_id(1)}/{name}" for name in names]


@pytest.mark.parametrize("missing", ["upload", "report", "photos"])
def test_a_task_without_its_documents_is_none(missing: str) -> None:
    world = queued_world(1)
    if missing == "upload":
        world.models.delete(layout.models.accepted_upload_key(job_id(1)))
    elif missing == "report":
        world.models.delete(layout.models.photo_report_key(job_id(1)))
    else:
        empty = PhotoReport(job_id=job_id(1), photos=())
        write_document(world.models, layout.models.photo_report_key(job_id(1)), empty)
    with pytest.raises(TrainingFailedError) as caught:
        task_of(world.models, world.jobs.records[job_id(1)])
    assert caught.value.facts["reason"] == "documents_missing"


# --- who waits, and for what ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "has_time", "waits_for"),
    [(10, True, "slot"), (1, True, "capacity"), (10, False, "slot")],
)
def test_those_that_are_left_hear_what_they_wait_for_and_where_they_stand(
    limit: int, has_time: bool, waits_for: str
) -> None:
    world = queued_world(1, 2, 3)
    world.trainer.limit = limit
    turns = iter([True, has_time, True])
    launch(replace(world.launching, has_time=lambda: next(turns)), NOON)
    waiting = sorted(world.jobs.queued(), key=lambda record: record.queue_place or 0)
    assert {record.waiting_for for record in waiting} == {waits_for}
    assert [record.queue_place for record in waiting] == [*range(1, len(waiting) + 1)]


def test_a_tenant_with_jobs_in_training_stands_behind_others() -> None:
    world = World()
    for number, tenant in ((1, "large"), (2, "large"), (3, "large"), (4, "small")):
        world.enter(number, f"token-{number}", tenant)
    settings = replace(SETTINGS, quota=1)
    launch(replace(world.launching, settings=settings), NOON)
    places = {n: world.jobs.records[job_id(n)].queue_place for n in (1, 2, 3, 4)}
    assert places == {1: None, 4: 1, 2: 2, 3: 3}, "a round was made for each"
    assert tenants_of(list(world.jobs.records.values())) == Counter(large=3, small=1)


def test_whoever_dies_while_a_training_job_is_created_leaves_a_bill_to_look_at() -> None:
    world = queued_world(1)
    before_next(world.trainer, "create", die)
    with pytest.raises(KeyboardInterrupt):
        launch(world.launching, NOON)
    (bill,) = world.jobs.open_cost_records()
    assert bill.training_job_name == f"likeness-{job_id(1)}-1"


def test_a_training_job_that_sagemaker_did_not_take_has_no_bill() -> None:
    world = queued_world(1)
    world.trainer.limit = 0
    launch(world.launching, NOON)
    assert world.jobs.cost_records == {}


def test_a_training_downloads_no_refiner_and_the_endpoint_does() -> None:
    world = World()
    refiner = {"refiner/model_index.json": "a" * 64, "refiner/unet/model.safetensors": "b" * 64}
    card = CARD.model_copy(update={"refiner": RefinerFiles(sha256="c" * 64, files=refiner)})
    prefix = layout.bases.base_prefix(CARD.base_id)
    write_document(world.bases, prefix + layout.bases.BASE_FILE, card)
    own = ("model_index.json", "priors/person.safetensors", *CARD.files)
    for file in (*own, *refiner):
        world.bases.write(prefix + file, b"x")
    world.enter(1)
    (name,) = launch(world.launching, NOON)
    channels = world.trainer.requests[name]["InputDataConfig"]
    (source,) = (one["DataSource"] for one in channels if one["ChannelName"] == "base")
    key = layout.models.base_manifest_key(job_id(1))
    assert source["S3DataSource"]["S3DataType"] == "ManifestFile"
    assert source["S3DataSource"]["S3Uri"] == world.models.uri(key)
    first, *files = json.loads(world.models.read(key, 10_000))
    assert first == {"prefix": world.bases.uri(prefix)}
    assert set(files) == {layout.bases.BASE_FILE, *own}
    assert set(files_of(card)) == {*CARD.files, *refiner}, "what the server fetches"


def test_a_base_without_a_refiner_is_downloaded_as_it_lies() -> None:
    world = World()
    world.enter(1)
    (name,) = launch(world.launching, NOON)
    sources = world.trainer.requests[name]["InputDataConfig"]
    places = {one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"] for one in sources}
    assert places["base"] == f"s3://bases/{layout.bases.base_prefix(CARD.base_id)}"
