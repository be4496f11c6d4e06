"""What of a training becomes a run, and what never does."""

from contracts.documents.rung import Rung
from contracts.documents.training import (
    CurvePoint,
    GateReport,
    TrainingFailure,
    TrainingMetrics,
    TrainingPlan,
    TrainingResult,
)
from contracts.shared import layout
from domain.experiments.runs import ExperimentServices, log_result
from domain.ports.experiments import ExperimentRun, Measurement
from domain.ports.storage import write_document
from domain.training.launching import launch
from tests.unit.training_kit import NOON, World, job_id, spec

KEY = layout.models.result_key(job_id(1), job_id(1))
RESULT = TrainingResult(
    job_id=job_id(1),
    training_job_name="likeness-1",
    status="succeeded",
    metrics=TrainingMetrics(steps=20, final_loss=0.25, train_seconds=60),
    gate=GateReport(passed=True, effect=0.2, identity=0.8),
    curve=(CurvePoint(step=10, values={"loss": 0.5, "learning_rate": 1e-4}),),
)


class MemoryExperiments:
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.runs: list[ExperimentRun] = []

    def log(self, run: ExperimentRun) -> None:
        self.runs.append(run)


def logged(world: World, key: str = KEY) -> list[ExperimentRun]:
    experiments = MemoryExperiments()
    services = ExperimentServices(world.jobs, world.models, experiments)
    log_result(key, services, NOON)
    return experiments.runs


def trained(result: TrainingResult = RESULT, rung: Rung | None = None) -> World:
    """A world in which job 1 has been trained alone, with this result."""
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    plan_key = layout.models.plan_key(job_id(1))
    plan = TrainingPlan.model_validate_json(world.models.read(plan_key, 10**6))
    tasks = tuple(task.model_copy(update={"rung": rung}) for task in plan.tasks)
    write_document(world.models, plan_key, plan.model_copy(update={"tasks": tasks}))
    write_document(world.models, KEY, result)
    return world


def test_a_run_has_the_parameters_the_curve_and_the_scores() -> None:
    (run,) = logged(trained())
    assert (run.training, run.name) == (f"likeness-1/{job_id(1)}", job_id(1)[:8])
    assert run.succeeded
    assert (run.ended_at - run.started_at).total_seconds() == 60
    assert run.parameters["rank"] == "base-default"
    assert run.parameters["with_prior_preservation"] == "true"
    assert run.tags == {
        "application": "likeness",
        "job_id": job_id(1),
        "training_job": "likeness-1",
        "base": spec(1).base_id,
    }
    assert set(run.measurements) == {
        Measurement("loss", 0.5, 10),
        Measurement("learning_rate", 1e-4, 10),
        Measurement("train_seconds", 60, 20),
        Measurement("final_loss", 0.25, 20),
        Measurement("gate_effect", 0.2, 20),
        Measurement("gate_identity", 0.8, 20),
    }


def test_a_run_names_nobody_and_quotes_no_prompt() -> None:
    world = trained()
    (run,) = logged(world)
    plan = TrainingPlan.model_validate_json(
        world.models.read(layout.models.plan_key(job_id(1)), 10**6)
    )
    request, text = plan.tasks[0].request, repr(run)
    for secret in (request.instance_prompt, request.class_prompt, spec(1).tenant, spec(1).upload):
        assert repr(secret) not in text


def test_a_trial_is_found_by_its_sweep_and_a_failure_by_its_code() -> None:
    failure = TrainingFailure(code="gate_no_effect", message="x")
    changes = {"status": "failed", "failure": failure, "metrics": None, "gate": None, "curve": ()}
    rung = Rung(training_id=job_id(1), first_step=0, last_step=25, is_last=False)
    world = trained(RESULT.model_copy(update=changes), rung)
    row = world.jobs.records[job_id(1)]
    of_sweep = {"trial_of": job_id(7), "trial": "rank8"}
    world.jobs.records[job_id(1)] = row.model_copy(update=of_sweep)
    (run,) = logged(world)
    assert (run.name, run.succeeded, run.measurements) == ("rank8", False, [])
    assert run.tags.items() >= {
        "application": "likeness", "job_id": job_id(1), "base": spec(1).base_id,
        "sweep": job_id(7), "trial": "rank8", "rung": "0-25", "code": "gate_no_effect",
    }.items()  # fmt: skip


def test_what_is_no_result_of_a_known_job_is_no_run() -> None:
    world = trained()
    assert logged(world, layout.models.plan_key(job_id(1))) == []
    assert logged(world, layout.models.result_key(job_id(1), job_id(2))) == []
    row = world.jobs.records[job_id(1)]
    world.jobs.records[job_id(1)] = row.model_copy(update={"erased": True})
    assert logged(world) == []
