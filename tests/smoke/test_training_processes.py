"""Several processes that train one adapter on the CPU, and the shipped accelerate settings."""

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from accelerate.commands.config.config_args import load_config_from_file  # noqa: E402
from accelerate.utils import DistributedType  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402

from contracts.documents.training import TaskPhoto, TrainingPlan, TrainingTask  # noqa: E402
from contracts.documents.upload.request import TrainingRequest  # noqa: E402
from contracts.shared.steps import Dataset, count_steps  # noqa: E402
from tests.smoke.job_dir import JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from trainer.config.recipe import read_plan  # noqa: E402
from trainer.process import distributed  # noqa: E402
from trainer.process.resources import Machine  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

ACCELERATE = Path(__file__).parents[2] / "training_image" / "accelerate_config"
WEIGHTS = Path("adapter") / "pytorch_lora_weights.safetensors"


def test_two_processes_train_what_one_trains_with_twice_the_accumulation_steps(
    tmp_path: Path,
) -> None:
    base = tmp_path / "base"
    make_base(base, "sd1")
    one, two = JobDir(tmp_path / "one", base), JobDir(tmp_path / "two", base)
    name = one.add_task(gradient_accumulation_steps=2, validation_steps=1)
    two.add_task(gradient_accumulation_steps=1, validation_steps=1)
    one.write_plan()
    two.write_plan()
    two.set_hyperparameters(num_processes="2")

    alone, joint = one.run(), two.run()

    assert alone.returncode == 0, alone.stderr
    assert joint.returncode == 0, joint.stderr
    assert joint.stdout.count("step=2 ") == 1  # only rank 0 logs
    for job_dir in (one, two):  # and only the files of rank 0 are kept
        events = EventAccumulator(str(job_dir.root / "output" / "tensorboard" / name)).Reload()
        assert [event.step for event in events.Scalars("train/loss")] == [1, 2]
        assert [event.step for event in events.Images("samples")] == [1, 2]
        assert len(list((job_dir.root / "output" / "tensorboard" / name).iterdir())) == 1
    assert set(two.result(name).files) == set(one.result(name).files)
    own, shared = (load_file(job_dir.folder(name) / WEIGHTS) for job_dir in (one, two))
    assert own.keys() == shared.keys()
    assert all(torch.allclose(own[key], shared[key], rtol=0, atol=1e-5) for key in own)
    moved = [key for key in own if ".lora_B." in key]
    assert max(float(own[key].abs().max()) for key in moved) > 1e-4


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_what_is_trained_is_what_was_planned(tmp_path: Path, workers: int) -> None:
    base = tmp_path / "base"
    make_base(base, "sd1")
    job_dir = JobDir(tmp_path / "job", base)
    options: dict[str, Any] = {"num_train_epochs": 3, "repeats": 2, "max_train_steps": None}
    name = job_dir.add_task(photos=6, gradient_accumulation_steps=2, train_batch_size=3, **options)
    job_dir.write_plan()
    job_dir.set_hyperparameters(num_processes=str(workers))
    done = job_dir.run()
    assert done.returncode == 0, done.stderr
    (task,) = read_plan(job_dir.root).tasks
    plan = count_steps(task.request, job_dir.card.training, Dataset((1,) * 6), workers)
    assert (plan.steps, plan.batches) == {1: (5, 10), 2: (3, 12)}[workers]
    summary = f"steps={plan.steps} batches={plan.batches} images_per_step={plan.images_per_step}"
    assert f"photos=5 held_out=1 class_images=2 resolution=64 {summary}" in done.stdout
    metrics = job_dir.result(name).metrics
    assert metrics is not None
    assert (metrics.steps, metrics.images) == (plan.steps, plan.images)
    card = (job_dir.folder(name) / "adapter" / "README.md").read_text()
    assert f"| batches | {plan.batches} of {plan.batches} |" in card


def test_several_processes_and_several_users_per_step_exclude_each_other(tmp_path: Path) -> None:
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    values = {"num_processes": "2", "users_per_step": "4"}
    (config / "hyperparameters.json").write_text(json.dumps(values))
    with pytest.raises(TrainingError, match="plan_invalid: check the hyperparameters num_proc"):
        Machine.read(tmp_path)


def test_accelerate_reads_the_shipped_settings() -> None:
    settings = load_config_from_file(str(ACCELERATE / "multi_gpu.yaml"))
    assert settings.distributed_type == "MULTI_GPU"


def test_a_distributed_type_that_the_trainer_does_not_support_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class UnderDeepSpeed:
        num_processes = 1
        distributed_type = DistributedType.DEEPSPEED

    monkeypatch.setattr(distributed, "Accelerator", UnderDeepSpeed)
    with pytest.raises(TrainingError, match=r"option_unavailable: this trainer .* DEEPSPEED"):
        distributed.ProcessGroup.join()


@pytest.mark.parametrize("hosts", [1, 2, 3])
def test_every_task_runs_on_one_host(tmp_path: Path, hosts: int) -> None:
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    names = [f"algo-{number}" for number in range(1, hosts + 1)]
    tasks = tuple(task_of(number) for number in range(7))
    plan = TrainingPlan(plan_id="0" * 32, base_sha256="0" * 64, tasks=tasks)
    shares: list[list[TrainingTask]] = []
    for name in names:
        settings = {"current_host": name, "hosts": names[::-1]}
        (config / "resourceconfig.json").write_text(json.dumps(settings))
        shares.append(Machine.read(tmp_path).tasks_of_this_host(plan))
    ids = [task.job_id for share in shares for task in share]
    assert sorted(ids) == [task.job_id for task in tasks]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def task_of(number: int) -> TrainingTask:
    request = TrainingRequest(instance_prompt="a sks", class_prompt="a thing")
    photo = TaskPhoto(index=0, file=f"{number:032x}/000.png", sha256="0" * 64)
    return TrainingTask(job_id=f"{number:032x}", request=request, photos=(photo,))


def test_a_host_takes_the_share_that_the_plan_gives_it() -> None:
    hosts = tuple(f"algo-{number}" for number in range(1, 12))
    tasks = tuple(task_of(number) for number in range(13))
    shares = (3, *(1,) * 10)
    plan = TrainingPlan(plan_id="0" * 32, base_sha256="0" * 64, tasks=tasks, shares=shares)
    taken = {
        host: Machine(current_host=host, hosts=hosts[::-1]).tasks_of_this_host(plan)
        for host in hosts
    }
    assert [len(taken[host]) for host in hosts] == list(shares)
    assert tuple(task for host in hosts for task in taken[host]) == tasks
    with pytest.raises(
        TrainingError, match="plan_invalid: the plan is for 11 instances, not for 1"
    ):
        Machine().tasks_of_this_host(plan)


@pytest.mark.thorough
def test_sigterm_reaches_every_process_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    base = tmp_path / "base"
    make_base(base, "sd1")
    job_dir = JobDir(tmp_path / "job", base)
    name = job_dir.add_task(max_train_steps=500, with_prior_preservation=False)
    job_dir.write_plan()
    job_dir.set_hyperparameters(num_processes="2")
    assert job_dir.preempt("step=") == 143
    states = list((job_dir.folder(name) / "state").glob("step-*.safetensors"))
    assert states
    assert not (job_dir.folder(name) / "result.json").exists()


def test_workers_that_did_not_join_are_counted_in_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Alone:
        num_processes = 1
        distributed_type = DistributedType.NO

    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "false")  # join() sets it: put it back afterwards
    monkeypatch.setattr(distributed, "Accelerator", Alone)
    with pytest.raises(TrainingError, match="only 1 of 4 workers joined"):
        distributed.ProcessGroup.join()
