"""What an estimate says, in figures that were worked out by hand."""

import pytest

from contracts.documents.job import AcceptedUpload
from contracts.documents.money import Estimate
from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.documents.rung import Rung
from contracts.documents.speeds import MeasuredSpeed, MeasuredSpeeds
from contracts.errors import PriceUnknownError, TooExpensiveError
from contracts.shared import layout
from contracts.shared.steps import Dataset, count_steps
from domain.ports.storage import write_document
from domain.pricing.agreement import PricingServices, agree_on_price, with_speeds
from domain.pricing.estimating import (
    CAPTION_SECONDS,
    START_SECONDS,
    make_estimate,
    offer_at,
    rungs_of,
    sum_of,
    with_captioning,
    work_tflop,
)
from domain.pricing.grid import GridTrial, changed, grid_trials, sweep_trial
from domain.pricing.prices import PUBLISHED, PriceTable
from domain.pricing.step_sharing import shape_of
from tests.unit.training_kit import CARD, NOON, REQUEST, World, inspect, job_id, spec

SIX = Dataset((1,) * 6)
G5, P4D = "ml.g5.2xlarge", "ml.p4d.24xlarge"
SDXL = CARD.model_copy(update={"resolution": 1024})
SD1 = CARD.model_copy(update={"resolution": 512, "family": "sd1"})
TURBO = CARD.model_copy(
    update={
        "resolution": 1024,
        "family": "zimage",
        "inference": CARD.inference.model_copy(update={"guidance_scale": 0.0}),
    }
)
FIRST_RUNG = Rung(training_id="7" * 32, first_step=0, last_step=25, is_last=False)
PLAIN = {"max_train_steps": 100, "train_batch_size": 1, "with_prior_preservation": False}


def seconds(tflop: float, peak: float) -> int:
    return round(240 + tflop / (0.15 * peak))


@pytest.mark.parametrize(
    ("options", "base", "instance", "steps", "expected"),
    [
        # 100 passes, and 32 pictures of 10 sampling steps
        ({}, SDXL, G5, 100, seconds(420 * 14.3, 70)),
        ({}, SDXL, P4D, 100, seconds(420 * 14.3, 312)),
        ({}, SDXL, "ml.unknown", 100, seconds(420 * 14.3, 70)),  # as slow as the slowest
        ({"num_class_images": 10}, SDXL, G5, 100, seconds(420 * 14.3, 70)),  # not wanted
        ({"resolution": 512}, SDXL, G5, 100, seconds(420 * 14.3 / 4, 70)),
        ({"resolution": 2048}, SDXL, G5, 100, seconds(420 * 14.3 * 4, 70)),
        ({}, SD1, G5, 100, seconds(420 * 1.82, 70)),
        # without guidance a sampling step has one prompt
        ({}, TURBO, G5, 100, seconds(260 * 111.0, 70)),
        ({"train_batch_size": 8}, SDXL, G5, 100, seconds(1120 * 14.3, 70)),
        ({"train_batch_size": None}, SDXL, G5, 100, seconds(720 * 14.3, 70)),  # the base's 4
        # 10 class images are drawn, and each step has as many of them as photos
        (
            {"with_prior_preservation": True, "num_class_images": 10},
            *(SDXL, G5, 100, seconds((200 + 420) * 14.3, 70)),
        ),
        # 5 photos of 10 steps each, where the request does not say; the sixth is held out
        ({"max_train_steps": None}, SDXL, G5, 50, seconds((50 + 320) * 14.3, 70)),
    ],
)
def test_an_estimate_is_the_work_by_the_speed(
    options: dict[str, object], base: object, instance: str, steps: int, expected: int
) -> None:
    request = changed(REQUEST, **(PLAIN | options))
    found = make_estimate(request, SIX, base, instance)  # type: ignore[arg-type]
    assert (found.steps, found.seconds) == (steps, expected)
    hourly = {G5: 1.515, P4D: 25.2513}.get(instance)
    assert found.usd == (None if hourly is None else pytest.approx(hourly * expected / 3600))


@pytest.mark.parametrize(
    ("options", "tflop"),
    [
        ({}, 420 * 14.3),  # 100 photos, and 32 pictures of 10 sampling steps
        # half of the photos at each resolution; pictures are drawn at the base's
        ({"resolutions": (512, 1024)}, (50 / 4 + 50 + 320) * 14.3),
        # four rounds of two pictures; then four of four, however many prompts there are
        ({"validation_steps": 25}, (420 + 80) * 14.3),
        # and the gate draws each prompt without and with the adapter
        ({"validation_steps": 25, "sample_prompts": ("sks",) * 8}, (420 + 160 + 160) * 14.3),
    ],
)
def test_the_work_is_that_of_every_picture_at_its_size(
    options: dict[str, object], tflop: float
) -> None:
    request = changed(REQUEST, **(PLAIN | options))
    budget = count_steps(request, SDXL.training, SIX)
    assert work_tflop(budget, request, SDXL) == pytest.approx(tflop, rel=1e-12)


def test_processes_share_the_photos_of_an_epoch_as_they_do_in_the_trainer() -> None:
    table = PriceTable(num_processes=4)
    epochs = changed(REQUEST, **PLAIN | {"max_train_steps": None, "num_train_epochs": 80})
    found = make_estimate(epochs, SIX, SDXL, P4D, table)
    trainer = count_steps(epochs, SDXL.training, SIX, workers=4)
    assert (found.steps, found.batches) == (trainer.steps, trainer.batches) == (100, 400)
    alone = make_estimate(epochs, SIX, SDXL, G5, table)
    assert (alone.steps, alone.batches) == (400, 400)
    steps = changed(REQUEST, **PLAIN)
    one, four = (make_estimate(steps, SIX, SDXL, P4D, each) for each in (PriceTable(), table))
    assert (four.steps, four.batches, four.seconds) == (100, 400, one.seconds)
    grid = changed(epochs, sweep={"rank": [4, 8, 16], "halving": {"min_resource": 10}})
    trials = rungs_of(grid, SIX, SDXL, P4D, table).trials
    assert [trial.request.max_train_steps for trial in trials] == [100, 100, 100]


def test_an_estimate_says_how_many_batches_where_every_part_does() -> None:
    one = changed(REQUEST, **PLAIN, gradient_accumulation_steps=4)
    assert make_estimate(one, SIX, SDXL, G5).batches == 400
    three = changed(one, sweep={"rank": [4, 8, 16]})
    assert make_estimate(three, SIX, SDXL, G5).batches == 1200
    old = Estimate(steps=1, seconds=1, usd=None)
    assert sum_of([make_estimate(one, SIX, SDXL, G5), old]).batches is None


def test_a_sweep_costs_the_sum_of_its_points() -> None:
    request = changed(REQUEST, **PLAIN, sweep={"rank": [4, 8, 16]})
    single = make_estimate(changed(REQUEST, **PLAIN), SIX, SDXL, G5)
    whole = make_estimate(request, SIX, SDXL, G5)
    assert (whole.steps, whole.seconds) == (3 * single.steps, 3 * single.seconds)
    assert whole.usd == pytest.approx(3 * (single.usd or 0))


def test_a_sum_without_a_price_has_none() -> None:
    request = changed(REQUEST, **PLAIN, sweep={"rank": [4, 8]})
    assert make_estimate(request, SIX, SDXL, "ml.unknown").usd is None


def test_a_price_buys_its_seconds() -> None:
    free, paid = changed(REQUEST, **PLAIN), changed(REQUEST, **PLAIN, max_cost_usd=1.515)
    estimate = make_estimate(free, SIX, SDXL, G5)
    assert offer_at(make_estimate(free, SIX, SDXL, G5), free, G5).estimate == estimate
    assert offer_at(make_estimate(free, SIX, SDXL, G5), free, G5).max_runtime_seconds is None
    offer = offer_at(make_estimate(paid, SIX, SDXL, G5), paid, G5)
    assert (offer.estimate, offer.max_runtime_seconds) == (estimate, 3600)


def test_the_operator_s_price_buys_its_own_seconds() -> None:
    paid, own = changed(REQUEST, **PLAIN, max_cost_usd=6.0), PriceTable({"ml.new": 3.0})
    offer = offer_at(make_estimate(paid, SIX, SDXL, "ml.new", own), paid, "ml.new", own)
    assert offer.max_runtime_seconds == 7200
    assert offer.estimate.usd == pytest.approx(offer.estimate.seconds * 3 / 3600)
    dearer = changed(REQUEST, **PLAIN, max_cost_usd=0.1)
    with pytest.raises(TooExpensiveError):
        offer_at(make_estimate(dearer, SIX, SDXL, "ml.new", own), dearer, "ml.new", own)


def test_who_offers_too_little_hears_both_figures_to_the_hundredth_of_a_cent() -> None:
    little = changed(REQUEST, **PLAIN, max_cost_usd=0.1)
    with pytest.raises(TooExpensiveError) as caught:
        offer_at(make_estimate(little, SIX, SDXL, G5), little, G5)
    usd = round(1.515 * seconds(420 * 14.3, 70) / 3600, 4)
    assert caught.value.facts == {
        "code": "too_expensive",
        "estimate_usd": usd,
        "max_cost_usd": 0.1,
    }
    with pytest.raises(PriceUnknownError) as unknown:
        offer_at(make_estimate(little, SIX, SDXL, "ml.unknown"), little, "ml.unknown")
    assert unknown.value.facts == {"code": "price_unknown", "instance_type": "ml.unknown"}


def test_what_costs_exactly_what_is_offered_is_bought() -> None:
    estimate = make_estimate(changed(REQUEST, **PLAIN), SIX, SDXL, G5)
    exactly = changed(REQUEST, **PLAIN, max_cost_usd=estimate.usd)
    assert offer_at(estimate, exactly, G5).estimate == estimate


def test_captions_before_the_training_are_a_job_of_their_own_in_the_price() -> None:
    asked = changed(REQUEST, **PLAIN, autocaption=True)
    plain = make_estimate(asked, SIX, SDXL, G5)
    both = with_captioning(plain, 60, asked, G5, PUBLISHED)
    extra = START_SECONDS + 60 * CAPTION_SECONDS
    assert (both.seconds, both.captioning_seconds) == (plain.seconds + extra, extra)
    assert both.usd == pytest.approx(both.seconds * 1.515 / 3600)
    assert with_captioning(plain, 0, asked, G5, PUBLISHED) == plain
    assert with_captioning(plain, 60, asked, "ml.unknown", PUBLISHED).usd is None


def test_training_sees_every_photo_that_was_not_refused() -> None:
    verdicts = ("accepted", "refused", "repaired", "refused", "accepted")
    photos = tuple(
        PhotoVerdict(index=n, verdict=verdict, repeats=n + 1) for n, verdict in enumerate(verdicts)
    )
    report = PhotoReport(job_id=job_id(1), photos=photos)
    assert Dataset.of_report(report) == Dataset((1, 3, 5))


@pytest.mark.parametrize("missing", ["row", "upload", "report"])
def test_no_price_is_agreed_on_where_a_document_is_missing(missing: str) -> None:
    world = World()
    if missing != "row":
        world.jobs.claim(spec(1), "arn", NOON)
    inspect(world.models, spec(1))
    gone = {"upload": layout.models.accepted_upload_key, "report": layout.models.photo_report_key}
    if missing in gone:
        world.models.delete(gone[missing](job_id(1)))
    agree_on_price(job_id(1), PricingServices(world.jobs, world.models, world.bases, G5))
    assert all(record.estimate is None for record in world.jobs.records.values())


def test_the_price_stands_in_the_job_s_row() -> None:
    world = World()
    world.jobs.claim(spec(1), "arn", NOON)
    inspect(world.models, spec(1))
    request = changed(REQUEST, **PLAIN, max_cost_usd=1.515)
    accepted = AcceptedUpload(job=spec(1), request=request, photos=())
    write_document(world.models, layout.models.accepted_upload_key(job_id(1)), accepted)
    agree_on_price(job_id(1), PricingServices(world.jobs, world.models, world.bases, G5))
    record = world.jobs.records[job_id(1)]
    assert record.estimate == make_estimate(
        request, Dataset((1, 1)), CARD, G5
    )  # two of its photos are good
    assert isinstance(record.estimate, Estimate)
    assert record.max_runtime_seconds == 3600


# --- the points of a grid -------------------------------------------------------------------


@pytest.mark.parametrize("rung", [None, FIRST_RUNG])
def test_the_operator_s_price_is_agreed_on_and_only_a_whole_training_shares_steps(
    rung: Rung | None,
) -> None:
    world = World()
    world.jobs.claim(spec(1), "arn", NOON)
    inspect(world.models, spec(1))
    request = changed(REQUEST, **PLAIN, max_cost_usd=6.0)
    accepted = AcceptedUpload(job=spec(1), request=request, photos=(), rung=rung)
    write_document(world.models, layout.models.accepted_upload_key(job_id(1)), accepted)
    own = PriceTable({"ml.new": 3.0})
    agree_on_price(job_id(1), PricingServices(world.jobs, world.models, world.bases, "ml.new", own))
    record = world.jobs.records[job_id(1)]
    assert record.estimate is not None
    assert record.estimate.usd == pytest.approx(record.estimate.seconds * 3 / 3600)
    assert record.max_runtime_seconds == 7200
    shape = shape_of(request, Dataset((1, 1)), CARD)
    assert record.step_shape == (shape if rung is None else None)


def test_a_request_without_a_grid_is_one_point_without_a_name() -> None:
    assert grid_trials(REQUEST) == [GridTrial("", {}, REQUEST)]


def test_what_a_client_did_not_say_stays_unsaid_in_a_point() -> None:
    message = changed(REQUEST, rank=4)
    assert message.model_fields_set == {"instance_prompt", "class_prompt", "rank"}


def test_a_point_s_job_has_the_name_that_it_had_in_every_release() -> None:
    request = changed(REQUEST, sweep={"rank": [4, 8]})
    names = [sweep_trial(spec(1), point).job.job_id for point in grid_trials(request)]
    assert names == ["2c9bf14983ccbab40c951492dd60b570", "2606813ef47bbc88dd68f648a114c04a"]


# --- measured speeds ------------------------------------------------------------------------


def speed(kind: str, images_per_second: float, other_seconds: float = 100.0) -> MeasuredSpeed:
    return MeasuredSpeed(
        instance_type=kind,
        images_per_second=images_per_second,
        resolution=512,
        other_seconds=other_seconds,
        measured_on="2026-11-28",
        training_job_name="likeness-x-1",
    )


def test_a_measured_speed_comes_before_the_model() -> None:
    request = changed(REQUEST, **PLAIN)  # 100 photos at 1024 px: four times the work of 512 px
    measured = PriceTable(speeds={G5: speed(G5, images_per_second=8.0)})
    assert make_estimate(request, SIX, SDXL, G5, measured).seconds == 100 + 100 * 4 / 8
    prompts = changed(request, sample_prompts=("sks",) * 2)  # four pictures more than measured
    assert make_estimate(prompts, SIX, SDXL, G5, measured).seconds == 100 + (100 + 40) * 4 / 8
    assert make_estimate(request, SIX, SDXL, "ml.g6.2xlarge", measured) == make_estimate(
        request, SIX, SDXL, "ml.g6.2xlarge"
    )


def speeds_of(sha256: str) -> MeasuredSpeeds:
    kept = MeasuredSpeeds(base_id=CARD.base_id, base_sha256=sha256, speeds=(speed(G5, 8.0),))
    return kept.with_speed(speed("ml.g6.2xlarge", 4.0)).with_speed(speed(G5, 16.0))


def test_the_newest_speed_of_each_instance_type_counts() -> None:
    world = World()
    write_document(world.bases, layout.bases.speeds_key(CARD.base_id), speeds_of(CARD.sha256))
    found = with_speeds(PriceTable({G5: 2.0}), world.bases, CARD)
    assert {kind: one.images_per_second for kind, one in found.speeds.items()} == {
        "ml.g6.2xlarge": 4.0,
        G5: 16.0,
    }
    assert found.usd_per_hour(G5) == 2.0


def test_speeds_of_another_base_and_damaged_ones_do_not_count() -> None:
    world, key = World(), layout.bases.speeds_key(CARD.base_id)
    assert with_speeds(PriceTable(), world.bases, CARD) == PriceTable()
    write_document(world.bases, key, speeds_of("f" * 64))
    assert with_speeds(PriceTable(), world.bases, CARD) == PriceTable()
    world.bases.write(key, b"{")
    assert with_speeds(PriceTable(), world.bases, CARD) == PriceTable()
