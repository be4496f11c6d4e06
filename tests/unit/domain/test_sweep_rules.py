"""A sweep's shares of its price, what becomes of a point, and who has to hear of it."""

import pytest

from contracts.documents.job import AcceptedUpload
from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.documents.record import Status
from contracts.documents.stages import Failure, RankSweepInput, TrialOutcome
from contracts.documents.sweep import SweepReport, TrialReport
from contracts.documents.training import GateReport, TrainedAdapter, TrainingResult
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import JobCanceledError, SweepFailedError
from contracts.shared import layout
from contracts.shared.steps import Dataset
from domain.ports.storage import read_document, write_document
from domain.pricing.agreement import PricingServices
from domain.pricing.estimating import Part, make_estimate
from domain.pricing.grid import grid_trials
from domain.sweeps.progress import raise_sweep_percent
from domain.sweeps.ranking import merit, rank_trials, rounded
from domain.sweeps.sweep import facts_of_trial, priced, rank_sweep, reports_of, status_of
from tests.fakes.storage import MemoryStorage
from tests.unit.training_kit import CARD, NOON, REQUEST, World, job_id, spec

G5 = "ml.g5.2xlarge"
GRID = {"max_train_steps": [100, 300]}
REPORT = PhotoReport(
    job_id=job_id(1),
    photos=tuple(PhotoVerdict(index=n, verdict="accepted") for n in range(6)),
)


def swept_request(**options: object) -> TrainingRequest:
    given = REQUEST.model_dump(exclude_unset=True) | {"sweep": GRID} | options
    return TrainingRequest.model_validate(given)


def room_of(world: World) -> PricingServices:
    return PricingServices(world.jobs, world.models, world.bases, G5)


def shares(most: float | None, *, known: bool = True) -> list[float | None]:
    """The price of each point."""
    world = World()
    if known:
        world.jobs.claim(spec(1), "arn", NOON)
    asked = swept_request(max_cost_usd=most)
    accepted = AcceptedUpload(job=spec(1), request=asked, photos=())
    parts = [Part(point.request) for point in grid_trials(asked)]
    found = priced(accepted, parts, REPORT, room_of(world))
    assert [one.max_train_steps for one in found] == [100, 300]
    return [one.max_cost_usd for one in found]


def costs() -> list[float]:
    points = grid_trials(swept_request())
    return [make_estimate(point.request, Dataset((1,) * 6), CARD, G5).usd or 0 for point in points]


def test_a_price_is_split_by_what_each_point_is_estimated_at() -> None:
    short, long = costs()
    assert shares(2.0) == pytest.approx([2 * short / (short + long), 2 * long / (short + long)])
    assert sum(share or 0 for share in shares(2.0)) == pytest.approx(2.0)


def test_no_point_gets_less_than_it_is_estimated_at() -> None:
    assert shares(0.001) == pytest.approx(costs())


def test_without_a_price_or_a_row_nothing_is_split() -> None:
    assert shares(None) == [None, None]
    assert shares(2.0, known=False) == [2.0, 2.0]


# --- what became of a point ------------------------------------------------------------------


def trained(models: MemoryStorage, number: int, gate: GateReport | None) -> TrainedAdapter:
    key = layout.models.result_key(job_id(number), job_id(number))
    result = TrainingResult(job_id=job_id(number), status="succeeded", gate=gate)
    write_document(models, key, result)
    return TrainedAdapter(
        job_id=job_id(number),
        training_job_name="likeness-1",
        result_uri=models.uri(key),
        result_sha256="0" * 64,
    )


GOOD = GateReport(passed=True, effect=0.2, identity=0.8, prompt_following=0.7, class_drift=0.1)
FAILURE = Failure(Error="TrainingFailedError", Cause='{"code": "training_diverged"}')


def outcome(models: MemoryStorage, **facts: object) -> TrialOutcome:
    if "gate" in facts:
        facts = {"trained": trained(models, 2, facts["gate"])}  # type: ignore[arg-type]
    return TrialOutcome.model_validate({"name": "steps100", "job": spec(2), **facts})


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"gate": GOOD}, {"identity": 0.8, "prompt_following": 0.7, "class_drift": 0.1}),
        ({"gate": GOOD.model_copy(update={"passed": False})}, {"code": "gate_failed"}),
        ({"gate": None}, {"code": "gate_failed"}),
        ({"failure": FAILURE}, {"code": "training_diverged"}),
        ({"failure": Failure(Error="Lambda.Unknown", Cause="")}, {"code": "internal_error"}),
        ({}, {"code": "training_failed"}),
    ],
)
def test_a_point_has_measures_or_a_reason(
    facts: dict[str, object], found: dict[str, object]
) -> None:
    models = MemoryStorage("models")
    assert facts_of_trial(outcome(models, **facts), None, models) == found


def test_a_failure_counts_before_an_adapter() -> None:
    models = MemoryStorage("models")
    both = outcome(models, gate=GOOD).model_copy(update={"failure": FAILURE})
    assert facts_of_trial(both, None, models) == {"code": "training_diverged"}


@pytest.mark.parametrize(
    ("code", "status"),
    [(None, "succeeded"), ("canceled", "canceled"), ("gate_failed", "failed")],
)
def test_a_point_ends_in_the_words_of_its_row(code: str | None, status: Status) -> None:
    assert status_of(code) == status


def ranked_world() -> tuple[World, RankSweepInput]:
    world = World()
    sweep = spec(1)
    world.jobs.claim(sweep, "arn", NOON)
    accepted = AcceptedUpload(job=sweep, request=swept_request(), photos=())
    write_document(world.models, layout.models.accepted_upload_key(sweep.job_id), accepted)
    for number in (2, 3):
        world.jobs.claim(spec(number), f"arn:{number}", NOON)
    outcomes = (
        TrialOutcome(name="steps100", job=spec(2), failure=FAILURE),
        TrialOutcome(name="steps300", job=spec(3), trained=trained(world.models, 3, GOOD)),
    )
    return world, RankSweepInput(job=sweep, outcomes=outcomes)


def test_a_ranking_closes_the_points_and_says_what_became_of_each() -> None:
    world, given = ranked_world()
    best = rank_sweep(given, world.jobs, world.models, NOON)
    assert (best.name, best.trained) == ("steps300", given.outcomes[1].trained)
    report = read_document(world.models, layout.models.sweep_report_key(job_id(1)), SweepReport)
    assert report == SweepReport(
        job_id=job_id(1),
        trials=(
            TrialReport(
                name="steps300",
                job_id=job_id(3),
                max_train_steps=300,
                place=1,
                identity=0.8,
                prompt_following=0.7,
                class_drift=0.1,
            ),
            TrialReport(
                name="steps100", job_id=job_id(2), max_train_steps=100, code="training_diverged"
            ),
        ),
    )
    ends = {
        n: (world.jobs.records[job_id(n)].status, world.jobs.records[job_id(n)].code)
        for n in (2, 3)
    }
    assert ends == {2: ("failed", "training_diverged"), 3: ("succeeded", None)}
    assert world.jobs.records[job_id(1)].stage == "SweepAdapter"


def test_a_sweep_of_failures_fails_and_says_how_many() -> None:
    world, given = ranked_world()
    lost = given.outcomes[1].model_copy(update={"trained": None, "failure": FAILURE})
    failed = given.model_copy(update={"outcomes": (given.outcomes[0], lost)})
    with pytest.raises(SweepFailedError) as caught:
        rank_sweep(failed, world.jobs, world.models, NOON)
    assert caught.value.facts == {"code": "sweep_failed", "trials": 2}
    report = read_document(world.models, layout.models.sweep_report_key(job_id(1)), SweepReport)
    assert [point.place for point in report.trials] == [None, None]


def test_a_canceled_sweep_is_ranked_but_delivers_nothing() -> None:
    world, given = ranked_world()
    world.jobs.request_cancel(job_id(1), NOON)
    with pytest.raises(JobCanceledError):
        rank_sweep(given, world.jobs, world.models, NOON)


def test_reports_come_in_the_order_of_the_grid() -> None:
    world, given = ranked_world()
    assert [found.name for found in reports_of(given, world.models)] == ["steps100", "steps300"]


# --- the ranking, and how far a sweep is ----------------------------------------------------


def test_a_point_s_merit_is_measured_to_the_hundredth() -> None:
    point = TrialReport(
        name="p",
        job_id=job_id(1),
        identity=0.804,
        prompt_following=0.715,
        class_drift=0.126,
        max_train_steps=300,
        rank=8,
        learning_rate=1e-4,
    )
    assert merit(point) == (0.8, 0.71, -0.13, -300, -8, -1e-4)
    assert merit(TrialReport(name="p", job_id=job_id(1))) == (-1.0, -1.0, -1.0, 0, 0, 0)
    assert rounded(0.0) == 0.0


def test_of_equals_the_one_with_the_smaller_rate_is_taken() -> None:
    low, high = (
        TrialReport(name=name, job_id=job_id(n), learning_rate=rate)
        for n, (name, rate) in enumerate((("low", 1e-4), ("high", 1e-3)))
    )
    assert [point.name for point in rank_trials([high, low])] == ["low", "high"]


def test_a_sweep_is_told_of_by_its_points_alone() -> None:
    world = World()
    for number in (1, 2, 3, 4):
        world.jobs.claim(spec(number), f"arn:{number}", NOON)
    rows = world.jobs.records
    points = (job_id(2), job_id(3), job_id(9))  # of the last nobody knows
    rows[job_id(1)] = rows[job_id(1)].model_copy(update={"trials": points})
    for number, percent in ((2, 60), (3, 33)):
        changes = {"trial_of": job_id(1), "percent": percent}
        rows[job_id(number)] = rows[job_id(number)].model_copy(update=changes)
    for stranger in (job_id(4), job_id(7), job_id(1)):
        raise_sweep_percent(stranger, world.jobs, NOON)
    assert rows[job_id(1)].percent == 1
    raise_sweep_percent(job_id(2), world.jobs, NOON)
    assert rows[job_id(1)].percent == 31


def test_a_point_whose_sweep_has_no_points_yet_tells_nobody() -> None:
    world = World()
    for number in (1, 2):
        world.jobs.claim(spec(number), f"arn:{number}", NOON)
    point = world.jobs.records[job_id(2)]
    world.jobs.records[job_id(2)] = point.model_copy(update={"trial_of": job_id(1)})
    raise_sweep_percent(job_id(2), world.jobs, NOON)
    lost = point.model_copy(update={"trial_of": job_id(8)})
    world.jobs.records[job_id(2)] = lost
    raise_sweep_percent(job_id(2), world.jobs, NOON)
    assert world.jobs.records[job_id(1)].percent == 1
