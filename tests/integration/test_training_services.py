"""The stages around a training on the embedded AWS, with a container that does not train."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice

import pytest

from aws.jobs.table import DynamoJobs
from aws.storage import S3Storage
from aws.training import SageMakerTrainer
from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.photos import PhotoReport, PhotoSummary, PhotoVerdict
from contracts.documents.stages import (
    Failure,
    PlanSweepInput,
    RankSweepInput,
    TrainAdapterInput,
    TrialOutcome,
)
from contracts.documents.sweep import SweepReport, SweepTrial
from contracts.documents.training import (
    TrainedAdapter,
    TrainingPlan,
    TrainingResult,
    TrainingTask,
)
from contracts.documents.upload.grid import SweepGrid
from contracts.documents.upload.request import TrainingRequest
from contracts.shared import layout
from contracts.shared.names import plan_id_of_name
from domain.ports.storage import read_document, write_document
from domain.ports.trainer import Run
from domain.pricing.agreement import PricingServices
from domain.sweeps.sweep import plan_sweep, rank_sweep
from domain.training import planning
from domain.training.billing import Settled, settle_cost_records
from domain.training.following import reconcile
from domain.training.keep_alive import COLD_WORTH
from domain.training.launching import launch
from domain.training.queueing import queue_for_training
from domain.training.services import LaunchServices, TrainingServices
from local.sagemaker.container.images import python_program
from runtime.clock import now
from tests.cloud import eventually
from tests.fakes.callbacks import Answer, MemoryCallbacks
from tests.integration.sagemaker_kit import FAKES, SageMakerKit, allow
from tests.integration.tables import table
from tests.unit.training_kit import CARD, REQUEST, SETTINGS, given, job_id, spec

PHOTO = b"a photo"


@dataclass
class Laptop:
    """The parts of one stack around a training; waiting states are in memory."""

    launching: LaunchServices
    callbacks: MemoryCallbacks
    uploads: S3Storage

    def enter(self, number: int) -> None:
        """Run a job up to TrainAdapter."""
        job, services = spec(number, f"tenant-{number % 3}"), self.launching.training
        self.accept(job, REQUEST)
        token = self.callbacks.wait(f"token-{number}")
        queue_for_training(
            given(number, token), services.jobs, services.models, self.callbacks, now()
        )

    def accept(self, job: JobSpec, request: TrainingRequest) -> None:
        """Do as the stages before the training do."""
        services = self.launching.training
        services.jobs.claim(job, f"arn:execution:{job.job_id}", now())
        self.uploads.write(layout.uploads.accepted_prefix(job.job_id) + "000.png", PHOTO)
        accepted = AcceptedUpload(job=job, request=request, photos=())
        digest = sha256(PHOTO).hexdigest()
        verdict = PhotoVerdict(index=0, verdict="accepted", file="000.png", sha256=digest)
        report = PhotoReport(job_id=job.job_id, photos=(verdict,))
        write_document(services.models, layout.models.accepted_upload_key(job.job_id), accepted)
        write_document(services.models, layout.models.photo_report_key(job.job_id), report)

    def run_until_answered(self) -> None:
        """Run the two schedules, more often than on AWS, until no state waits."""

        def answered() -> bool:
            launch(self.launching, now())
            reconcile(self.launching.training, now())
            return not self.callbacks.waiting

        eventually(answered)


@pytest.fixture
def laptop(kit: SageMakerKit) -> Laptop:
    images = {"likeness-training": python_program(FAKES / "stub_trainer.py")}
    kit.use_settings(images=images, instance_quota=2, warm_pool_quota=100)
    buckets = [f"{name}-{uuid.uuid4().hex[:8]}" for name in ("uploads", "models", "bases")]
    for bucket in buckets:
        kit.s3.create_bucket(Bucket=bucket)
    uploads, models, bases = (S3Storage(bucket, kit.s3) for bucket in buckets)
    write_document(bases, layout.bases.card_key(CARD.base_id), CARD)
    callbacks = MemoryCallbacks()
    jobs = DynamoJobs(table(kit.cloud, "JobsTable"))
    services = TrainingServices(jobs, models, SageMakerTrainer(kit.sagemaker), callbacks)
    everything = allow("*", "*")
    settings = replace(
        SETTINGS,
        quota=2,
        max_batch=10,
        role_arn=kit.make_role(everything),
        uploads_bucket=buckets[0],
        models_bucket=buckets[1],
        bases_bucket=buckets[2],
    )
    return Laptop(LaunchServices(services, bases, settings), callbacks, uploads)


def test_every_job_of_a_crowd_is_trained_once(laptop: Laptop, kit: SageMakerKit) -> None:
    crowd = 12
    for number in range(crowd):
        laptop.enter(number)
    laptop.run_until_answered()
    assert [answer.error for answer in laptop.callbacks.answers.values()] == [None] * crowd
    jobs = laptop.launching.training.jobs
    assert (jobs.queued(), jobs.in_training()) == ([], [])
    trained = kit.sagemaker.list_training_jobs(NameContains="likeness-", MaxResults=100)
    assert len(trained["TrainingJobSummaries"]) < crowd, "they shared training jobs"


def test_one_training_job_of_several_instances_trains_a_crowd(
    laptop: Laptop, kit: SageMakerKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "SMALL_JOBS_AT_ONCE", 1)
    laptop.launching = replace(
        laptop.launching,
        settings=replace(laptop.launching.settings, max_instances=2, capacity_mode="on-demand"),
    )
    crowd = range(400, 408)
    for number in crowd:
        laptop.enter(number)
    (name, *_) = launch(laptop.launching, now())
    laptop.run_until_answered()
    assert [answer.error for answer in laptop.callbacks.answers.values()] == [None] * len(crowd)
    assert kit.describe(name)["ResourceConfig"]["InstanceCount"] == 2
    services = laptop.launching.training
    plan = read_document(
        services.models, layout.models.plan_key(plan_id_of_name(name)), TrainingPlan
    )
    for rank, share in enumerate(shares_of(plan), start=1):
        for task in share:
            record = services.jobs.get(task.job_id)
            assert record is not None
            assert record.capacity is not None
            assert record.capacity.instances == 2
            key = layout.models.result_key(plan.plan_id, task.job_id)
            assert read_document(services.models, key, TrainingResult).adapter is None
            assert trained_on(kit, name, task.job_id) == f"algo-{rank}"


def shares_of(plan: TrainingPlan) -> list[list[TrainingTask]]:
    tasks = iter(plan.tasks)
    return [list(islice(tasks, share)) for share in plan.shares]


def trained_on(kit: SageMakerKit, training_job: str, job_id_: str) -> str:
    """Return the instance whose log names the job."""
    streams = ("algo-1", "algo-2")
    group = "/aws/sagemaker/TrainingJobs"

    def named() -> list[str]:  # an answer may come before the log's last lines
        logs = {one: kit.log_lines(group, f"{training_job}/{one}-") for one in streams}
        return [one for one, lines in logs.items() if f"trained {job_id_}" in lines]

    (found,) = eventually(named)
    return str(found)


def test_launchers_at_once_start_nothing_twice(laptop: Laptop) -> None:
    crowd = range(300, 312)
    for number in crowd:
        laptop.enter(number)
    launchers = 4
    with ThreadPoolExecutor(launchers) as pool:
        rounds = pool.map(lambda _: launch(laptop.launching, now()), range(launchers))
    names = [name for started in rounds for name in started]
    laptop.run_until_answered()
    services = laptop.launching.training
    trained = [
        task.job_id
        for cost_record in services.jobs.open_cost_records()  # no job is settled here
        for task in read_document(
            services.models, layout.models.plan_key(cost_record.plan_id), TrainingPlan
        ).tasks
    ]
    assert len(set(names)) == len(names) >= 1
    assert sorted(trained) == [job_id(number) for number in crowd]


def test_a_photo_that_changed_fails_its_own_job_only(laptop: Laptop) -> None:
    laptop.enter(100)
    laptop.enter(101)
    changed = layout.uploads.accepted_prefix(spec(100).job_id) + "000.png"
    laptop.uploads.write(changed, b"another photo")
    laptop.run_until_answered()
    answers = laptop.callbacks.answers
    assert answers["token-100"].error == "TrainingFailedError"
    assert answers["token-101"].error is None


def test_a_warm_instance_is_taken_by_the_next_job_and_reported_once(
    laptop: Laptop, kit: SageMakerKit
) -> None:
    services, settled = laptop.launching.training, list[Settled]()
    for number in (200, 201):
        laptop.enter(number)
        laptop.run_until_answered()
        eventually(lambda: all(run.ended_at for run in runs_after(services, settled)))
    (first,) = settled
    assert (first.pool_reused, first.spot_saving, len(first.adapters_usd)) == (True, None, 1)
    asked = kit.describe(f"likeness-{job_id(201)}-1")["ResourceConfig"]["KeepAlivePeriodInSeconds"]
    assert asked == COLD_WORTH, "one gap teaches nothing yet"
    assert [cost_record.training_job_name for cost_record in services.jobs.open_cost_records()] == [
        f"likeness-{job_id(201)}-1"
    ]


def runs_after(services: TrainingServices, settled: list[Settled]) -> list[Run]:
    """Do as reconcile does; return what the launcher will learn from."""
    settled += settle_cost_records(services, now())
    return services.jobs.recent_runs()


def test_the_trials_of_a_sweep_are_trained_on_one_set_of_photos_and_ranked(laptop: Laptop) -> None:
    services, sweep = laptop.launching.training, spec(300)
    grid = SweepGrid(learning_rate=(1e-3, 0.1), rank=(4, 8))
    laptop.accept(sweep, REQUEST.model_copy(update={"sweep": grid}))
    photos = PhotoSummary(job_id=sweep.job_id, accepted=1, refused=0)
    with_bases = PricingServices(
        services.jobs, services.models, laptop.launching.bases, "ml.g5.2xlarge"
    )
    given = PlanSweepInput(job=sweep, photos=photos, execution_arn="arn:execution:child")
    planned = plan_sweep(given, with_bases, now())
    for trial in planned.trials:
        token = laptop.callbacks.wait(trial.name)
        waits = TrainAdapterInput(job=trial.job, photos=photos, task_token=token)
        queue_for_training(waits, services.jobs, services.models, laptop.callbacks, now())
    laptop.run_until_answered()
    answers = {trial.name: laptop.callbacks.answers[trial.name] for trial in planned.trials}
    assert [name for name, answer in answers.items() if answer.error is not None] == [
        "lr1e-1-rank4", "lr1e-1-rank8",
    ]  # fmt: skip
    outcomes = tuple(outcome_of(trial, answers[trial.name]) for trial in planned.trials)
    best = rank_sweep(
        RankSweepInput(job=sweep, outcomes=outcomes), services.jobs, services.models, now()
    )
    assert best.name == "lr1e-3-rank8"
    report = read_document(
        services.models, layout.models.sweep_report_key(sweep.job_id), SweepReport
    )
    assert [(trial.place, trial.code) for trial in report.trials] == [
        (1, None), (2, None), (None, "training_diverged"), (None, "training_diverged"),
    ]  # fmt: skip
    assert services.jobs.in_training() == []


def outcome_of(trial: SweepTrial, answer: Answer) -> TrialOutcome:
    """Return what the Map makes of a trial's answer."""
    if answer.error is None:
        trained = TrainedAdapter.model_validate_json(answer.text)
        return TrialOutcome(name=trial.name, job=trial.job, trained=trained)
    failure = Failure(Error=answer.error, Cause=answer.text)
    return TrialOutcome(name=trial.name, job=trial.job, failure=failure)
