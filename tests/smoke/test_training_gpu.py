"""A training job whose instance type has a GPU does not train on the CPU unless it is meant."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")

from contracts.shared.gpu_check import ALLOW_CPU  # noqa: E402
from trainer.job import FAILED, run_job  # noqa: E402
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


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about a machine without a GPU")
def test_the_job_fails_with_the_code_that_operators_hear(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.job.read_plan", lambda _root: None)
    assert run_job(root) == FAILED
    assert (root / "output/failure").read_text().startswith("no_gpu: the GPU of ml.g5.2xlarge")


def test_the_laptop_and_types_without_a_gpu_train_on_the_cpu(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "gpus=" in machine(None).check_gpu()
    assert "gpus=" in machine("ml.m5.xlarge").check_gpu()
    monkeypatch.setenv(ALLOW_CPU, "1")
    assert Machine.read(root).check_gpu()
