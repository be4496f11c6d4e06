"""Several processes that train one adapter, on the CPU; and the shipped accelerate settings."""

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from accelerate.commands.config.config_args import load_config_from_file  # noqa: E402
from accelerate.utils import DistributedType  # noqa: E402
from accelerate.utils.deepspeed import HfDeepSpeedConfig  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402

from contracts.shared.steps import Dataset, count_steps  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from tests.smoke.training_room import Room  # noqa: E402
from trainer.config.recipe import read_plan  # noqa: E402
from trainer.process import distributed  # noqa: E402
from trainer.process.resources import Machine  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

ACCELERATE = Path(__file__).parents[2] / "training_image" / "accelerate_config"
WEIGHTS = Path("adapter") / "pytorch_lora_weights.safetensors"


def test_two_processes_make_what_one_makes_of_twice_as_many_batches(tmp_path: Path) -> None:
    base = tmp_path / "base"
    make_base(base, "sd1")
    one, two = Room(tmp_path / "one", base), Room(tmp_path / "two", base)
    name = one.add_task(gradient_accumulation_steps=2, validation_steps=1)
    two.add_task(gradient_accumulation_steps=1, validation_steps=1)
    one.write_plan()
    two.write_plan()
    two.set_hyperparameters(num_processes="2")

    alone, together = one.run(), two.run()

    assert alone.returncode == 0, alone.stderr
    assert together.returncode == 0, together.stderr
    assert together.stdout.count("step=2 ") == 1  # only the first process speaks
    for room in (one, two):  # and only the first one's files are kept
        events = EventAccumulator(str(room.root / "output" / "tensorboard" / name)).Reload()
        assert [event.step for event in events.Scalars("train/loss")] == [1, 2]
        assert [event.step for event in events.Images("samples")] == [1, 2]
        assert len(list((room.root / "output" / "tensorboard" / name).iterdir())) == 1
    assert set(two.result(name).files) == set(one.result(name).files)
    own, shared = (load_file(room.folder(name) / WEIGHTS) for room in (one, two))
    assert own.keys() == shared.keys()
    assert all(torch.allclose(own[key], shared[key], rtol=0, atol=1e-5) for key in own)
    moved = [key for key in own if ".lora_B." in key]
    assert max(float(own[key].abs().max()) for key in moved) > 1e-4


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_trained_is_what_was_planned(tmp_path: Path, workers: int) -> None:
    base = tmp_path / "base"
    make_base(base, "sd1")
    room = Room(tmp_path / "room", base)
    options: dict[str, Any] = {"num_train_epochs": 3, "repeats": 2, "max_train_steps": None}
    name = room.add_task(photos=6, gradient_accumulation_steps=2, train_batch_size=3, **options)
    room.write_plan()
    room.set_hyperparameters(num_processes=str(workers))
    done = room.run()
    assert done.returncode == 0, done.stderr
    (task,) = read_plan(room.root).tasks
    plan = count_steps(task.request, room.card.training, Dataset((1,) * 6), workers)
    assert (plan.steps, plan.batches) == {1: (5, 10), 2: (3, 12)}[workers]
    said = f"steps={plan.steps} batches={plan.batches} images_per_step={plan.images_per_step}"
    assert f"photos=5 held_out=1 class_images=2 resolution=64 {said}" in done.stdout
    metrics = room.result(name).metrics
    assert metrics is not None
    assert (metrics.steps, metrics.images) == (plan.steps, plan.images)
    card = (room.folder(name) / "adapter" / "README.md").read_text()
    assert f"| batches | {plan.batches} of {plan.batches} |" in card


def test_processes_and_users_per_step_do_not_mix(tmp_path: Path) -> None:
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    values = {"num_processes": "2", "users_per_step": "4"}
    (config / "hyperparameters.json").write_text(json.dumps(values))
    with pytest.raises(TrainingError, match="plan_invalid: check the hyperparameters num_proc"):
        Machine.read(tmp_path)


@pytest.mark.parametrize(("name", "kind"), [("multi_gpu", "MULTI_GPU"), ("zero2", "DEEPSPEED")])
def test_accelerate_reads_the_shipped_settings(name: str, kind: str) -> None:
    settings = load_config_from_file(str(ACCELERATE / f"{name}.yaml"))
    assert settings.distributed_type == kind
    if kind == "DEEPSPEED":
        file = Path(settings.deepspeed_config["deepspeed_config_file"])
        config = HfDeepSpeedConfig(str(ACCELERATE / file.name))
        assert config.is_zero2()
        assert not config.is_offload()


def test_a_way_to_start_processes_that_the_trainer_cannot_use_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class UnderDeepSpeed:
        num_processes = 1
        distributed_type = DistributedType.DEEPSPEED

    monkeypatch.setattr(distributed, "Accelerator", UnderDeepSpeed)
    with pytest.raises(TrainingError, match=r"option_unavailable: this trainer .* DEEPSPEED"):
        distributed.Crew.join()


@pytest.mark.parametrize("hosts", [1, 2, 3])
def test_every_task_is_one_machines(tmp_path: Path, hosts: int) -> None:
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    names = [f"algo-{number}" for number in range(1, hosts + 1)]
    tasks: Any = tuple(range(7))
    shares: list[list[Any]] = []
    for name in names:
        settings = {"current_host": name, "hosts": names[::-1]}
        (config / "resourceconfig.json").write_text(json.dumps(settings))
        shares.append(list(Machine.read(tmp_path).share(tasks)))
    assert sorted(task for share in shares for task in share) == list(tasks)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_sigterm_reaches_every_process_and_leaves_a_state(tmp_path: Path) -> None:
    base = tmp_path / "base"
    make_base(base, "sd1")
    room = Room(tmp_path / "room", base)
    name = room.add_task(max_train_steps=500, with_prior_preservation=False)
    room.write_plan()
    room.set_hyperparameters(num_processes="2")
    assert room.interrupt("step=") == 143
    states = list((room.folder(name) / "state").glob("step-*.safetensors"))
    assert states
    assert not (room.folder(name) / "result.json").exists()
