"""A training job whose instance type has a GPU does not train on the CPU unless it is meant."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")

from contracts.shared.instances.gpu_check import ALLOW_CPU  # noqa: E402
from tests.smoke.job_dir import JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from trainer.job import FAILED  # noqa: E402
from trainer.process.resources import Machine  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job on ml.g5.2xlarge, of which plan and base are never read."""
    monkeypatch.delenv(ALLOW_CPU, raising=False)
    (tmp_path / "input/config").mkdir(parents=True)
    resources = {"current_instance_type": "ml.g5.2xlarge", "hosts": ["algo-1"]}
    (tmp_path / "input/config/resourceconfig.json").write_text(json.dumps(resources))
    return tmp_path


def machine(instance_type: str | None) -> Machine:
    return Machine(current_instance_type=instance_type)


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about a machine without a GPU")
def test_a_gpu_type_without_its_gpu_is_refused_before_the_base_is_read(root: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"ml\.g5\.2xlarge cannot be used.*TrainingInstanceType"
    ):
        Machine.read(root).check_gpu()


def test_the_laptop_and_types_without_a_gpu_train_on_the_cpu(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "gpus=" in machine(None).check_gpu()
    assert "gpus=" in machine("ml.m5.xlarge").check_gpu()
    monkeypatch.setenv(ALLOW_CPU, "1")
    assert Machine.read(root).check_gpu()


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about a machine without a GPU")
@pytest.mark.parametrize(("allowed", "status"), [("1", 0), ("0", FAILED)])
def test_the_program_trains_on_the_cpu_only_where_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: str, status: int
) -> None:
    make_base(tmp_path / "base", "sdxl")
    job = JobDir(tmp_path / "job", tmp_path / "base")
    job.add_task()
    job.write_plan()
    job.set_hyperparameters()
    resources = {"current_instance_type": "ml.g5.2xlarge"}
    (job.root / "input/config/resourceconfig.json").write_text(json.dumps(resources))
    monkeypatch.setenv(ALLOW_CPU, allowed)
    run = job.run()
    assert run.returncode == status, run.stderr
    if allowed == "1":
        assert f"ml.g5.2xlarge runs on the CPU, because {ALLOW_CPU} is 1" in run.stdout
    else:
        assert job.failure().startswith("no_gpu: the GPU of ml.g5.2xlarge cannot be used")
