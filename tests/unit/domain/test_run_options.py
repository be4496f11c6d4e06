"""The machine that a request asks for: from request.json to CreateTrainingJob and to the price."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.documents.record import JobRecord
from contracts.documents.upload.run import RunOptions
from contracts.errors import PriceUnknownError
from contracts.shared.steps import Dataset
from domain.ports.trainer import CreateOutcome, Run
from domain.pricing.estimating import make_estimate, offer_at
from domain.pricing.grid import changed, grid_trials, sweep_trial
from domain.pricing.prices import USD_PER_HOUR
from domain.requests.merge import parse_request
from domain.requests.request_json import RequestRefusedError
from domain.training.launching import launch, with_machine
from domain.training.planning import PlanningRules, choose_launches
from tests.fakes.training import MemoryTrainer
from tests.unit.training_kit import (
    CARD,
    NOON,
    REQUEST,
    SETTINGS,
    World,
    inspect,
    job_id,
    record,
    spec,
)

G5, P5 = "ml.g5.2xlarge", "ml.p5.4xlarge"
PROMPTS = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
SIX = Dataset((1,) * 6)


def parsed(run: object) -> RunOptions | None:
    return parse_request(json.dumps({**PROMPTS, "run": run}).encode()).request.run


def problems(**fields: object) -> list[tuple[str, str | None]]:
    with pytest.raises(RequestRefusedError) as caught:
        parse_request(json.dumps(PROMPTS | fields).encode())
    return [(problem.field, problem.nearest) for problem in caught.value.problems]


def waiting(number: int, **run: Any) -> JobRecord:
    return record(number).model_copy(update={"run": RunOptions(**run) if run else None})


def enter(world: World, number: int, **run: Any) -> None:
    """Queue a job whose request asks for this machine."""
    job = spec(number).model_copy(update={"run": RunOptions(**run)})
    world.jobs.claim(job, f"arn:execution:{number}", NOON)
    inspect(world.models, job)
    world.call_train_adapter(number, f"token-{number}")


def launched(world: World, **settings: Any) -> list[dict[str, Any]]:
    services = replace(world.launching, settings=replace(SETTINGS, **settings))
    return [world.trainer.requests[name] for name in launch(services, NOON)]


def test_a_request_may_leave_everything_to_the_stack() -> None:
    assert parsed({}) == RunOptions()
    assert parse_request(json.dumps(PROMPTS).encode()).request.run is None


def test_sagemakers_own_names_are_understood_and_reported_back() -> None:
    given = {"InstanceType": P5, "MaxRuntimeInSeconds": 900, "train_volume_size": 80}
    found = parse_request(json.dumps({**PROMPTS, "run": given}).encode())
    assert found.request.run == RunOptions(instance_type=P5, max_run=900, volume_size=80)
    assert found.renamed["run.MaxRuntimeInSeconds"] == "run.max_run"


def test_a_problem_of_the_machine_has_the_name_that_the_request_used() -> None:
    run = {"MaxRuntimeInSeconds": 1, "instance_typ": G5, "volume_size": 1, "VolumeSizeInGB": 2}
    assert problems(run=run) == [
        ("run.volume_size", None),
        ("run.MaxRuntimeInSeconds", None),
        ("run.instance_typ", "run.instance_type"),
    ]


def test_a_machine_that_stands_beside_run_is_sent_into_it() -> None:
    assert problems(instance_type=G5) == [("instance_type", "run.instance_type")]


@pytest.mark.parametrize(
    "field",
    [
        {"instance_type": "g5.2xlarge"},
        {"instance_type": "ml.g5"},
        {"instance_type": "ml.g5.2xlarge; rm"},
        {"use_spot_instances": "perhaps"},
        {"max_run": 299},
        {"max_run": 432_001},
        {"volume_size": 0},
        {"volume_size": 251},
        {"instance_count": 2},
    ],
)
def test_a_machine_that_cannot_be_is_refused(field: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RunOptions.model_validate(field)


def test_jobs_that_ask_for_different_machines_never_share_a_training_job() -> None:
    asked: list[dict[str, Any]] = [
        *({"instance_type": P5}, {"volume_size": 80}, {"use_spot_instances": True}),
        *({"use_spot_instances": False}, {"instance_type": P5, "volume_size": 80}, {}),
    ]
    queued = [waiting(number, **asked[number % len(asked)]) for number in range(60)]
    rules = PlanningRules(quota=20, max_batch=50)
    orders = choose_launches(queued, [], rules)
    assert max(len(order.jobs) for order in orders) > 1
    for order in orders:
        assert {job.run for job in order.jobs} == {order.jobs[0].run}


def test_naming_the_stacks_own_machine_is_no_difference() -> None:
    world = World()
    enter(world, 1)
    enter(world, 2, instance_type=SETTINGS.instance_type, volume_size=SETTINGS.volume_gb)
    one, other = (with_machine(job, SETTINGS) for job in world.jobs.queued())
    assert one.run == other.run


def test_a_job_with_a_largest_runtime_has_a_training_job_of_its_own() -> None:
    queued = [waiting(number, max_run=600) for number in range(8)] + [record(9), record(10)]
    orders = choose_launches(queued, [], PlanningRules(quota=2, max_batch=50))
    assert [len(order.jobs) for order in orders] == [1, 1]


def test_the_training_job_has_the_machine_that_the_request_asks_for() -> None:
    world = World()
    enter(world, 1, instance_type=P5, use_spot_instances=True, max_run=900, volume_size=80)
    (request,) = launched(world)
    assert request["ResourceConfig"] == {
        "InstanceCount": 1,
        "InstanceType": P5,
        "VolumeSizeInGB": 80,
    }
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"]["MaxRuntimeInSeconds"] == 900


def test_a_request_may_forbid_spot_instances_where_the_stack_uses_them() -> None:
    world = World()
    for number in (1, 2, 3, 4, 5, 6):
        enter(world, number, use_spot_instances=False)
    (request, *_) = launched(world, capacity_mode="spot", max_batch=9, quota=1)
    assert request["EnableManagedSpotTraining"] is False


def test_a_longer_runtime_than_the_stacks_default_is_given() -> None:
    world = World()
    enter(world, 1, max_run=20_000)
    (request,) = launched(world, max_runtime_seconds=7200)
    assert request["StoppingCondition"]["MaxRuntimeInSeconds"] == 20_000


def test_a_pool_learns_only_from_jobs_that_could_use_it() -> None:
    world = World()
    for number, volume in enumerate((50, 80, 50)):
        enter(world, number, volume_size=volume)
    launched(world, quota=9)
    recent = world.jobs.recent_runs
    assert (len(recent("ml.g5.2xlarge/50")), len(recent("ml.g5.2xlarge/80"))) == (2, 1)
    assert len(recent()) == 3
    assert recent("ml.p5.4xlarge/50") == list[Run]()


def test_a_launcher_asks_once_for_the_gaps_of_each_pool_that_it_starts() -> None:
    world, asked = World(), list[str | None]()

    def recent_runs(pool: str | None = None) -> list[Run]:
        asked.append(pool)
        return []

    world.jobs.recent_runs = recent_runs  # type: ignore[method-assign]
    for number, volume in enumerate((50, 80, 50)):
        enter(world, number, volume_size=volume)
    launched(world, quota=9)
    assert sorted(str(pool) for pool in asked) == ["ml.g5.2xlarge/50", "ml.g5.2xlarge/80"]


class OneTypeIsOut(MemoryTrainer):
    """A SageMaker that has no capacity of one instance type."""

    def __init__(self, instance_type: str) -> None:
        super().__init__()
        self.without = instance_type
        self.asked: list[str] = []

    def create(self, request: dict[str, Any]) -> CreateOutcome:
        instance_type = request["ResourceConfig"]["InstanceType"]
        self.asked.append(instance_type)
        return self.refusal if instance_type == self.without else super().create(request)


def test_a_full_instance_type_holds_up_nobody_who_wants_another() -> None:
    trainer = OneTypeIsOut(P5)
    world = World(trainer=trainer)
    for number in (1, 2, 3):
        enter(world, number, instance_type=P5)
    enter(world, 4)
    assert len(launched(world, quota=2)) == 1
    assert trainer.asked == [P5, G5]
    waits = {number: world.jobs.records[job_id(number)].waiting_for for number in (1, 2, 3, 4)}
    assert waits == {1: "capacity", 2: "capacity", 3: "capacity", 4: None}


def test_the_estimate_and_the_paid_time_use_the_chosen_type() -> None:
    chosen = changed(REQUEST, run={"instance_type": P5}, max_cost_usd=900)
    found = make_estimate(chosen, SIX, CARD, G5)
    assert found == make_estimate(REQUEST, SIX, CARD, P5) != make_estimate(REQUEST, SIX, CARD, G5)
    assert offer_at(make_estimate(chosen, SIX, CARD, G5), chosen, G5).max_runtime_seconds == int(
        900 / USD_PER_HOUR[P5] * 3600
    )


def test_a_limit_in_usd_needs_the_price_of_the_chosen_type() -> None:
    unknown = changed(REQUEST, run={"instance_type": "ml.x9.large"}, max_cost_usd=900)
    with pytest.raises(PriceUnknownError):
        offer_at(make_estimate(unknown, SIX, CARD, G5), unknown, G5)


def test_every_trial_of_a_sweep_runs_on_the_sweeps_machine() -> None:
    run = {"instance_type": P5}
    sweep = spec(1).model_copy(update={"run": RunOptions.model_validate(run)})
    trials = grid_trials(changed(REQUEST, sweep={"rank": [2, 4]}, run=run))
    for trial in trials:
        assert trial.request.run == sweep_trial(sweep, trial).job.run == sweep.run


def test_a_jobs_row_gives_the_machine_back_to_the_stages() -> None:
    world = World()
    enter(world, 1, instance_type=P5)
    assert world.jobs.records[job_id(1)].spec().run == RunOptions(instance_type=P5)
