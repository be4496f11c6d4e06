"""A sweep's rungs: what several jobs train one after the other is what one job trains."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from safetensors.torch import load_file  # noqa: E402

from contracts.shared.layout.container import STATE_CHANNEL  # noqa: E402
from contracts.shared.layout.models import state_prefix  # noqa: E402
from tests.smoke.job_dir import JobDir, job_id  # noqa: E402
from tests.smoke.tiny_pipelines import make_base, write_card  # noqa: E402
from trainer import job  # noqa: E402
from trainer.tasks.running import first_group  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

WEIGHTS = Path("adapter") / "pytorch_lora_weights.safetensors"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose floor no adapter reaches."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("base")
    card = make_base(folder, "sd1")
    write_card(folder, "sd1", card.prediction_type, gate={"min_effect": 0.9})
    return folder


def train(root: Path, base: Path, number: int, earlier: Path | None, **rung: Any) -> JobDir:
    """Train one rung as the job with this number, or all steps, and return its folder."""
    job_dir = JobDir(root, base)
    options: dict[str, Any] = {"max_train_steps": 4, "max_cost_usd": number}
    job_dir.add_task(with_prior_preservation=False, **options)
    job_dir.tasks[0] |= {"job_id": job_id(number), **({"rung": rung} if rung else {})}
    if earlier is not None:
        place = state_prefix(job_id(50), rung["continues"]).removeprefix("training/")
        shutil.copytree(earlier, job_dir.data / STATE_CHANNEL / place)
    job_dir.write_plan()
    job.run_job(root)
    return job_dir


def test_rungs_train_what_one_training_trains(tmp_path: Path, base: Path) -> None:
    whole = train(tmp_path / "whole", base, 9, None)
    first, last = job_id(1), job_id(2)
    short = train(
        tmp_path / "short", base, 1, None,
        training_id=first, first_step=0, last_step=3, is_last=False,
    )  # fmt: skip
    result = short.result(first)
    assert (result.status, result.failure) == ("succeeded", None)
    assert result.gate is not None
    assert not result.gate.passed, "between rungs the floors do not count"
    assert result.metrics is not None
    assert (result.metrics.steps, result.metrics.partial) == (3, True)
    kept = short.folder(first) / "state"
    rest = train(
        tmp_path / "rest", base, 2, kept,
        training_id=first, continues=first, first_step=3, last_step=4, is_last=True,
    )  # fmt: skip
    result = rest.result(last)
    assert result.metrics is not None
    assert (result.metrics.resumed_from_step, result.metrics.steps) == (3, 4)
    assert result.metrics.repeated_steps == 0
    assert result.metrics.images == 2, "the images of the rung alone"
    assert rest.code(last) == "gate_no_effect", "after the last rung they do"
    assert not (rest.folder(last) / "state").exists()
    one = load_file(whole.folder(job_id(9)) / WEIGHTS)
    other = load_file(rest.folder(last) / WEIGHTS)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_rung_whose_checkpoint_has_expired_trains_all_steps(
    tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = job_id(2)
    job_dir = train(
        tmp_path / "alone", base, 2, None,
        training_id=job_id(1), continues=job_id(1), first_step=2, last_step=4, is_last=True,
    )  # fmt: skip
    assert "the checkpoint of the rung before is gone" in capsys.readouterr().out
    metrics = job_dir.result(own).metrics
    assert metrics is not None
    assert (metrics.resumed_from_step, metrics.steps, metrics.repeated_steps) == (0, 4, 2)
    assert metrics.images == 4 * 2, "the steps that were trained again cost as much as the others"
    card = (job_dir.folder(own) / "adapter" / "README.md").read_text()
    assert "2 steps were trained twice: the checkpoint of the sweep's rung before was gone" in card


def test_a_rung_shares_no_step_because_it_goes_on_from_a_step_of_its_own() -> None:
    rung, plain = (
        SimpleNamespace(task=SimpleNamespace(rung=rung), run=SimpleNamespace(recipe=None))
        for rung in ("a rung", None)
    )
    for waiting in ([rung, plain], [rung, rung], [plain, rung]):
        assert first_group(waiting) == waiting[:1]  # type: ignore[arg-type]
