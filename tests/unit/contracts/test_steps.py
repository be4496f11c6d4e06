"""How many steps and batches a training has: estimate, dry run, card, receipt and trainer agree."""

import math
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.documents.job import AcceptedUpload
from contracts.documents.money import Estimate
from contracts.documents.photos import PhotoReport, PhotoSummary, PhotoVerdict, StoredFile
from contracts.documents.stages import DryRunInput
from contracts.documents.training import TrainingMetrics, TrainingTask
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import TooExpensiveError
from contracts.shared import layout
from contracts.shared.steps import (
    Dataset,
    StepBudget,
    checkpoint_every,
    count_steps,
    held_out_places,
)
from domain.notices.dry_run import dry_run_notice
from domain.notices.services import NoticeServices
from domain.ports.storage import write_document
from domain.pricing.agreement import PricingServices, agree_on_price
from domain.pricing.estimating import START_SECONDS, make_estimate, offer_at
from domain.training.tasks import task_of
from tests.fakes.notifier import MemoryNotifier
from tests.unit.training_kit import CARD, World, job_id, spec
from trainer.config.recipe import make_recipe, plan_task
from trainer.export.model_card import about_training

INSTANCE = "ml.g5.2xlarge"
PROMPTS = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
JOB = job_id(1)
DEFAULTS = CARD.training.model_copy(update={"steps_per_photo": 30, "max_train_steps": 600})
FACES = CARD.model_copy(update={"training": DEFAULTS, "resolution": 512})
TWENTY = Dataset((1,) * 20)


def request(**fields: Any) -> TrainingRequest:
    return TrainingRequest.model_validate(PROMPTS | fields)


@st.composite
def requests(draw: st.DrawFn) -> TrainingRequest:
    """Any request's numbers, in every combination that the contract takes."""
    fields: dict[str, Any] = {}
    for name, values in {
        "max_train_steps": st.integers(1, 20_000),
        "num_train_epochs": st.integers(1, 1000),
        "train_batch_size": st.integers(1, 64),
        "gradient_accumulation_steps": st.integers(1, 64),
        "num_class_images": st.integers(1, 1000),
        "with_prior_preservation": st.booleans(),
        "validation_steps": st.integers(1, 20_000),
        "checkpointing_steps": st.integers(1, 20_000),
        "resolutions": st.sampled_from([(64,), (64, 128), (64, 128, 256, 512)]),
        "enable_bucket": st.booleans(),
        "sample_prompts": st.sampled_from([("a",), ("a", "b", "c")]),
    }.items():
        if draw(st.booleans()):
            fields[name] = draw(values)
    if "num_train_epochs" in fields and draw(st.booleans()):
        fields["repeats"] = draw(st.integers(1, 1000))
    return request(**fields)


@st.composite
def reports(draw: st.DrawFn) -> PhotoReport:
    """What InspectPhotos found: some photos refused, some that come more often than others."""
    verdicts = draw(st.lists(st.sampled_from(["accepted", "repaired", "refused"]), max_size=35))
    repeats = draw(st.lists(st.sampled_from([1, 1, 3, 60]), min_size=40, max_size=40))
    photos = tuple(
        PhotoVerdict(
            index=index,
            verdict=verdict,
            file=None if verdict == "refused" else f"{index:03d}.png",
            sha256=None if verdict == "refused" else "0" * 64,
            repeats=repeats[index],
        )
        for index, verdict in enumerate([*verdicts, *["accepted"] * 5])
    )
    of_class = draw(st.sampled_from([0, 0, 7]))
    own = tuple(StoredFile(file=f"class/{n:03d}.png", sha256="0" * 64) for n in range(of_class))
    return PhotoReport(job_id=JOB, photos=photos, class_photos=own)


def world_of(asked: TrainingRequest, report: PhotoReport) -> World:
    """A job that has come as far as its price."""
    world = World()
    world.enter(1, "token")
    accepted = AcceptedUpload(job=spec(1), request=asked, photos=())
    write_document(world.models, layout.models.accepted_upload_key(JOB), accepted)
    write_document(world.models, layout.models.photo_report_key(JOB), report)
    agree_on_price(JOB, PricingServices(world.jobs, world.models, world.bases, INSTANCE))
    return world


def estimate_of_dry_run(world: World, report: PhotoReport) -> Estimate:
    summary = PhotoSummary(job_id=JOB, accepted=len(report.usable), refused=0)
    # The owner's file names are not the matter here: none is looked up without a refused photo.
    quiet = report.model_copy(update={"photos": report.usable})
    write_document(world.models, layout.models.photo_report_key(JOB), quiet)
    services = NoticeServices(world.models, world.jobs, MemoryNotifier())
    dry_run = dry_run_notice(DryRunInput(job=spec(1), photos=summary), services).dry_run
    assert dry_run is not None
    assert dry_run.estimate is not None
    return dry_run.estimate


def steps_on_card(task: TrainingTask, plan: StepBudget) -> tuple[int, int]:
    """The steps and batches that the model card names, of a training that came to its end."""
    recipe = make_recipe(task, CARD, plan)
    metrics = TrainingMetrics(steps=recipe.steps, final_loss=None, train_seconds=1)
    text = about_training(recipe, metrics, plan)
    steps, batches = (
        re.search(rf"\| {name} \| ([0-9]+) of ([0-9]+) \|", text) for name in ("steps", "batches")
    )
    assert steps is not None
    assert batches is not None
    assert (steps[1], batches[1]) == (steps[2], batches[2])
    return int(steps[2]), int(batches[2])


def counted(asked: TrainingRequest, repeats: list[int]) -> tuple[int, int]:
    """Steps and batches as the trainer's loop goes through them, counted another way."""
    photos = len(repeats)
    kept = min(4, photos // 5) if photos >= 6 else 0
    apart = {(n + 1) * (photos // kept) - 1 for n in range(kept)} if kept else set()
    trained = [often for place, often in enumerate(repeats) if place not in apart]
    batch, often = asked.train_batch_size or 4, asked.gradient_accumulation_steps
    if asked.max_train_steps is not None:
        steps = asked.max_train_steps
    elif asked.num_train_epochs is not None:
        draws = sum(trained) * asked.repeats * asked.num_train_epochs
        draws *= len(asked.resolutions) or 1
        steps = min(20_000, -(-draws // (batch * often)))
    else:
        steps = min(100, max(1, 10 * len(trained)))
    return steps, steps * often


@settings(
    max_examples=2000,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(asked=requests(), report=reports())
def test_estimate_dry_run_card_and_trainer_say_the_same_steps_and_batches(
    asked: TrainingRequest, report: PhotoReport
) -> None:
    world = world_of(asked, report)
    record = world.jobs.get(JOB)
    assert record is not None
    assert record.estimate is not None
    task = task_of(world.models, record)
    kept = [photo.index for photo in task.photos]
    plan = plan_task(task, CARD, kept)
    recipe = make_recipe(task, CARD, plan)
    trained = (recipe.steps, recipe.steps * recipe.gradient_accumulation_steps)
    estimated = estimate_of_dry_run(world, report)

    assert trained == counted(asked, [photo.repeats for photo in report.usable])
    assert (record.estimate.steps, record.estimate.batches) == trained
    assert (estimated.steps, estimated.batches) == trained
    assert steps_on_card(task, plan) == trained
    assert (plan.batch_size, plan.class_images) == (recipe.batch_size, recipe.class_images)
    assert recipe.checkpoint_every == checkpoint_every(plan.steps, asked.checkpointing_steps)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(asked=requests(), report=reports(), data=st.data())
def test_photos_that_the_trainer_refuses_change_the_plan_as_if_they_had_never_come(
    asked: TrainingRequest, report: PhotoReport, data: st.DataObject
) -> None:
    world = world_of(asked, report)
    record = world.jobs.get(JOB)
    assert record is not None
    task = task_of(world.models, record)
    indices = [photo.index for photo in task.photos]
    gone = data.draw(st.sets(st.sampled_from(indices), max_size=len(indices) - 1))
    left = [photo for photo in report.photos if photo.index not in gone]
    estimate = make_estimate(
        asked,
        Dataset.of_report(report.model_copy(update={"photos": tuple(left)})),
        CARD,
        INSTANCE,
    )
    plan = plan_task(task, CARD, [index for index in indices if index not in gone])
    assert (plan.steps, plan.batches) == (estimate.steps, estimate.batches)


# --- the cases -------------------------------------------------------------------------------


def test_epochs_and_repeats_are_estimated_as_they_are_trained() -> None:
    asked = request(num_train_epochs=100, repeats=10)
    estimate = make_estimate(asked, TWENTY, FACES, INSTANCE)
    assert estimate.steps == 16 * 10 * 100 // 4  # four of twenty are held out
    assert estimate.usd is not None
    assert estimate.usd > 0.5
    with pytest.raises(TooExpensiveError):
        offer_at(estimate, request(num_train_epochs=100, repeats=10, max_cost_usd=0.5), INSTANCE)


def test_a_step_of_eight_batches_costs_eight_batches() -> None:
    one = make_estimate(request(max_train_steps=300), TWENTY, FACES, INSTANCE)
    asked = request(max_train_steps=300, gradient_accumulation_steps=8)
    eight = make_estimate(asked, TWENTY, FACES, INSTANCE)
    many = make_estimate(request(max_train_steps=2400), TWENTY, FACES, INSTANCE)
    assert (one.steps, one.batches) == (300, 300)
    assert (eight.steps, eight.batches) == (300, 2400)
    assert eight.seconds == many.seconds > one.seconds > START_SECONDS


def test_workers_that_train_one_adapter_together_share_its_epochs() -> None:
    asked = request(num_train_epochs=10)
    alone, two = (count_steps(asked, DEFAULTS, TWENTY, workers) for workers in (1, 2))
    assert (alone.steps, alone.batches) == (40, 40)
    assert (two.steps, two.batches) == (20, 40)
    assert alone.images == two.images
    fixed = count_steps(request(max_train_steps=7), DEFAULTS, TWENTY, workers=3)
    assert (fixed.steps, fixed.batches) == (7, 21)


def test_photos_of_a_folder_with_repeats_come_as_often_as_it_says() -> None:
    dataset = Dataset((60, 60, 1, 1, 1))
    plan = count_steps(request(num_train_epochs=2, repeats=3), DEFAULTS, dataset)
    assert (plan.epoch_photos, plan.steps) == (3 * 123, math.ceil(2 * 3 * 123 / 4))


def test_buckets_change_no_number_and_resolutions_multiply_the_epoch() -> None:
    plain, bucketed, twice = (
        count_steps(request(num_train_epochs=10, **more), DEFAULTS, TWENTY)
        for more in ({}, {"enable_bucket": True}, {"resolutions": (64, 128)})
    )
    assert plain == bucketed
    assert (twice.epoch_photos, twice.steps) == (2 * plain.epoch_photos, 2 * plain.steps)


def test_no_number_of_epochs_trains_for_ever() -> None:
    asked = request(num_train_epochs=1000, repeats=1000, train_batch_size=1)
    assert count_steps(asked, DEFAULTS, TWENTY).steps == 20_000


def test_class_images_double_the_work_and_only_those_of_the_base_are_drawn() -> None:
    none, drawn, own = (
        count_steps(request(max_train_steps=10, **more), DEFAULTS, dataset)
        for more, dataset in (
            ({"with_prior_preservation": False}, Dataset((1,) * 20, class_photos=9)),
            ({"num_class_images": 50}, TWENTY),
            ({"num_class_images": 50}, Dataset((1,) * 20, class_photos=9)),
        )
    )
    assert [plan.images for plan in (none, drawn, own)] == [40, 80, 80]
    assert [plan.class_images for plan in (none, drawn, own)] == [0, 50, 9]
    assert [plan.drawn_class_images for plan in (none, drawn, own)] == [0, 50, 0]
    asked = request(max_train_steps=10, num_class_images=50)
    cheap, dear = (
        make_estimate(asked, dataset, FACES, INSTANCE)
        for dataset in (Dataset((1,) * 20, class_photos=9), TWENTY)
    )
    assert cheap.seconds < dear.seconds


def test_prior_preservation_without_class_images_is_refused() -> None:
    with pytest.raises(ValueError, match="with_prior_preservation needs num_class_images"):
        request(num_class_images=0)
    assert count_steps(
        request(num_class_images=0, with_prior_preservation=False), DEFAULTS, TWENTY
    ).class_images == 0  # fmt: skip


def test_pictures_on_the_way_are_paid_too() -> None:
    few, many = (
        make_estimate(request(max_train_steps=100, **more), TWENTY, FACES, INSTANCE)
        for more in ({}, {"validation_steps": 2})
    )
    assert many.seconds > few.seconds
    plan = count_steps(request(max_train_steps=100, validation_steps=30), DEFAULTS, TWENTY)
    assert (plan.validation_rounds, plan.validation_pictures) == (3, 2)


def test_class_images_and_larger_resolutions_cost_what_they_take() -> None:
    def seconds(**more: Any) -> int:
        asked = request(max_train_steps=20_000, num_class_images=1, **more)
        return make_estimate(asked, TWENTY, FACES, INSTANCE).seconds - START_SECONDS

    alone = seconds(with_prior_preservation=False)
    assert seconds() == pytest.approx(2 * alone, rel=0.02)
    small = seconds(with_prior_preservation=False, resolutions=(256,))
    assert small == pytest.approx(alone / 4, rel=0.02)
    both = seconds(with_prior_preservation=False, resolutions=(256, 512))
    assert both == pytest.approx((alone + small) / 2, rel=0.02)


@pytest.mark.parametrize(("photos", "kept"), [(1, 0), (5, 0), (6, 1), (10, 2), (20, 4), (100, 4)])
def test_few_photos_are_all_trained_on(photos: int, kept: int) -> None:
    places = held_out_places(photos)
    assert len(set(places)) == kept
    assert all(0 <= place < photos for place in places)


@pytest.mark.parametrize(("photos", "steps"), [(1, 30), (5, 150), (10, 240), (100, 600)])
def test_steps_grow_with_photos_between_two_bounds(photos: int, steps: int) -> None:
    assert count_steps(request(), DEFAULTS, Dataset((1,) * photos)).steps == steps
