"""The training image's program, run as SageMaker runs it, on tiny pipelines."""

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from peft import PeftModel  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from tests.smoke.job_dir import REQUEST, JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import Family, make_base  # noqa: E402
from tests.smoke.trainer_kit import picture, plain_pipeline, tiny_base  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402
from trainer.tasks import running  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

MakeJobDir = Callable[..., JobDir]


@pytest.fixture(scope="session")
def make_job_dir(tmp_path_factory: pytest.TempPathFactory) -> MakeJobDir:
    base = cache(partial(tiny_base, tmp_path_factory))

    def make(family: Family = "sdxl") -> JobDir:
        return JobDir(tmp_path_factory.mktemp("job"), base(family))

    return make


def draw(base: Path, weights: Path | None, peft_folder: Path | None = None) -> Any:
    """Return an image from plain diffusers."""
    pipeline = plain_pipeline(base)
    if weights is not None:
        pipeline.load_lora_weights(weights.parent, weight_name=weights.name)
    if peft_folder is not None:
        pipeline.unet = PeftModel.from_pretrained(pipeline.unet, peft_folder).base_model.model
    return picture(pipeline)


@pytest.mark.parametrize("family", ["sdxl", "sd2", "sd1"])
def test_two_steps_give_an_adapter_that_plain_diffusers_loads(
    make_job_dir: MakeJobDir, family: Family
) -> None:
    job_dir = make_job_dir(family)
    name = job_dir.add_task()
    job_dir.write_plan()
    if family == "sd2":  # the settings of a GPU with little memory
        job_dir.set_hyperparameters(mixed_precision="bf16", gradient_checkpointing="true")

    done = job_dir.run()

    assert done.returncode == 0, done.stderr
    assert f"steps=2 job_id={name}" in done.stdout
    result = job_dir.result(name)
    assert (result.status, result.failure) == ("succeeded", None)
    weights = job_dir.folder(name) / "adapter" / "pytorch_lora_weights.safetensors"
    base = job_dir.data / "base"
    assert np.abs(draw(base, weights) - draw(base, None)).max() > 1e-4

    if family == "sd1":  # one architecture is enough
        again = job_dir.run()
        assert f"task {name} was finished by an earlier attempt" in again.stdout
        assert "step=" not in again.stdout
        assert job_dir.result(name) == result


def test_the_three_exports_give_the_same_picture(make_job_dir: MakeJobDir) -> None:
    job_dir = make_job_dir()
    name = job_dir.add_task(lora_alpha=8, rank=4, learning_rate=0.05)
    with_text = job_dir.add_task(lora_alpha=2, learning_rate=0.05, train_text_encoder=True)
    job_dir.write_plan()
    assert job_dir.run().returncode == 0
    base, adapter = job_dir.data / "base", job_dir.folder(name) / "adapter"

    diffusers = draw(base, adapter / "pytorch_lora_weights.safetensors")

    assert np.abs(diffusers - draw(base, None)).max() > 1 / 255
    kohya = draw(base, adapter / next(p for p in (adapter / "webui").iterdir()))
    assert np.abs(kohya - diffusers).max() < 1 / 255
    peft = draw(base, None, adapter / "peft" / "unet")
    assert np.abs(peft - diffusers).max() < 1 / 255

    adapter = job_dir.folder(with_text) / "adapter"
    keys = load_file(adapter / "pytorch_lora_weights.safetensors").keys()
    assert {key.split(".")[0] for key in keys} == {"unet", "text_encoder", "text_encoder_2"}
    encoder_keys = [key for key in keys if key.startswith("text_encoder")]
    assert all(".text_model.encoder.layers." in key for key in encoder_keys)
    diffusers = draw(base, adapter / "pytorch_lora_weights.safetensors")
    assert (
        np.abs(
            draw(base, adapter / next(p for p in (adapter / "webui").iterdir())) - diffusers
        ).max()
        < 1 / 255
    )


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(
    make_job_dir: MakeJobDir,
) -> None:
    whole, broken = make_job_dir(), make_job_dir()
    for job_dir in (whole, broken):
        name = job_dir.add_task(max_train_steps=4, train_text_encoder=True)
        job_dir.write_plan()
    assert whole.run().returncode == 0

    assert broken.preempt("step=2 ") == 143
    assert not (broken.folder(name) / "result.json").exists()
    states = list((broken.folder(name) / "state").glob("step-*.safetensors"))
    assert states
    assert all(load_file(state) for state in states)
    assert broken.run().returncode == 0

    metrics = broken.result(name).metrics
    assert metrics is not None
    assert metrics.resumed_from_step >= 2
    assert broken.result(name).files == whole.result(name).files
    losses = [
        [(point.step, point.values["loss"]) for point in one.result(name).curve]
        for one in (whole, broken)
    ]
    assert losses[0] == losses[1]
    assert [step for step, _ in losses[0]] == [1, 2, 3, 4]


@pytest.mark.parametrize("moment", ["class images:", "pictures of the base:"])
def test_sigterm_at_any_moment_ends_the_job_in_time_and_no_step_is_done_twice(
    make_job_dir: MakeJobDir, moment: str
) -> None:
    job_dir = make_job_dir()
    name = job_dir.add_task()
    job_dir.write_plan()
    assert job_dir.preempt(moment) == 143
    assert not (job_dir.folder(name) / "result.json").exists()
    done = job_dir.run()
    assert done.returncode == 0, done.stderr
    result = job_dir.result(name)
    assert result.status == "succeeded"
    if moment == "pictures of the base:":
        assert result.metrics is not None
        assert result.metrics.resumed_from_step == REQUEST["max_train_steps"]


def test_a_job_that_draws_images_at_every_step_resumes_from_the_step_of_sigterm(
    make_job_dir: MakeJobDir,
) -> None:
    job_dir = make_job_dir("sd1")
    name = job_dir.add_task(max_train_steps=50, validation_steps=1, with_prior_preservation=False)
    job_dir.write_plan()
    assert job_dir.preempt("step=2 ") == 143
    steps = [int(path.stem[-6:]) for path in job_dir.folder(name).glob("state/step-*.safetensors")]
    assert max(steps) >= 2


def test_a_base_that_does_not_match_its_hash_fails_every_task_with_its_code(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "base"
    make_base(folder, "sd1")
    job_dir = JobDir(tmp_path / "job", folder)
    name = job_dir.add_task()
    job_dir.write_plan()
    with (folder / "unet" / "config.json").open("a") as file:
        file.write("\n")

    done = job_dir.run()

    assert done.returncode == 1
    assert job_dir.code(name) == "base_mismatch"
    assert job_dir.failure().startswith("base_mismatch: 1 of ")


def test_a_host_of_several_does_not_fail_the_job_when_its_users_fail(
    make_job_dir: MakeJobDir,
) -> None:
    job_dir = make_job_dir()
    names = [job_dir.add_task(seed=seed) for seed in range(2)]
    for name in names:
        job_dir.photo(name, 1).write_bytes(b"not what was accepted")
    job_dir.write_plan(shares=(1, 1))
    config = job_dir.root / "input" / "config"
    config.mkdir(parents=True, exist_ok=True)
    hosts = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}
    (config / "resourceconfig.json").write_text(json.dumps(hosts))

    done = job_dir.run()

    assert done.returncode == 0, done.stderr
    assert job_dir.code(names[1]) == "photo_changed"
    assert not job_dir.folder(names[0]).exists(), "it is the other host's"


def test_a_group_that_does_not_fit_into_memory_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def train_users(_: object, runs: list[object], __: object) -> list[TrainingError]:
        tried.append(len(runs))
        if len(runs) > 2:
            raise torch.OutOfMemoryError
        return [TrainingError("training_failed", "x") for _ in runs]

    alone: list[int] = []

    def run_task(_: object, task: int) -> int:
        alone.append(task)
        return task

    monkeypatch.setattr(running, "train_users", train_users)
    monkeypatch.setattr(running, "fail_task", lambda _, task, __: task)
    monkeypatch.setattr(running, "run_task", run_task)
    group: Any = [SimpleNamespace(run=None, task=number) for number in range(5)]
    whole: Any = SimpleNamespace(base=None, limit=None, root=None)
    found: list[Any] = running.run_group(whole, group)
    assert found == [0, 1, 2, 3, 4]
    assert (tried, alone) == ([5, 2, 3, 2], [2])


def test_users_trained_in_one_step_get_the_weights_of_single_trainings(
    make_job_dir: MakeJobDir,
) -> None:
    alone, shared = make_job_dir(), make_job_dir()
    for job_dir in (alone, shared):
        one, broken_task, other = (
            job_dir.add_task(seed=seed, sample_prompts=["sks"]) for seed in range(3)
        )
        job_dir.photo(broken_task, 1).write_bytes(b"not what was accepted")
        job_dir.write_plan()
    shared.set_hyperparameters(users_per_step="4")
    assert alone.run().returncode == 0
    assert (
        alone.code(broken_task) == "photo_changed"
    )  # one user's failure does not affect the next one
    assert not (alone.folder(broken_task) / "adapter").exists()

    done = shared.run()

    assert done.returncode == 0, done.stderr
    assert shared.code(broken_task) == "photo_changed"
    for name in (one, other):
        file = Path("adapter") / "pytorch_lora_weights.safetensors"
        mine, own = (load_file(job_dir.folder(name) / file) for job_dir in (shared, alone))
        assert all(torch.allclose(mine[key], own[key], atol=1e-5) for key in own)
        assert "adapter/pictures/00.png" in shared.result(name).files
