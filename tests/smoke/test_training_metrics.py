"""What a training reports: log lines, event files, validation images; and its deadline."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from PIL import Image  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402

from contracts.marks.verifying import verify  # noqa: E402
from contracts.marks.watermark import MIN_SIDE  # noqa: E402
from contracts.shared.pictures.mark_keys import MarkSecret  # noqa: E402
from domain.training.marks import MarksOfTrainings  # noqa: E402
from domain.training.sagemaker_job import METRICS  # noqa: E402
from local.embedded_base import PORTRAITS  # noqa: E402
from tests.smoke.job_dir import JobDir, job_id  # noqa: E402
from tests.smoke.tiny_pipelines import make_base, write_card  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

MakeJobDir = Callable[[], JobDir]
SECRET = MarkSecret(seed="s" * 32)
WEIGHTS = Path("adapter") / "pytorch_lora_weights.safetensors"


@pytest.fixture(scope="module")
def make_job_dir(tmp_path_factory: pytest.TempPathFactory) -> MakeJobDir:
    base = tmp_path_factory.mktemp("base")
    card = make_base(base, "sdxl")
    shutil.copytree(PORTRAITS / "likeness", base / "likeness")
    write_card(base, "sdxl", card.prediction_type, judge="likeness")
    return lambda: JobDir(tmp_path_factory.mktemp("job"), base)


def add_twin(job_dir: JobDir, **request: object) -> str:
    """Add the first task again with other options: the same photos, the same seed."""
    first = job_dir.tasks[0]
    name = job_id(len(job_dir.tasks) + 1)
    job_dir.tasks.append({**first, "job_id": name, "request": {**first["request"], **request}})
    return name


def test_a_training_reports_its_metrics(make_job_dir: MakeJobDir) -> None:
    job_dir = make_job_dir()
    without_images = job_dir.add_task(max_train_steps=4, sample_prompts=["TOK, smiling"])
    with_images = add_twin(job_dir, validation_steps=2)
    for task in job_dir.tasks:
        task["marks"] = MarksOfTrainings(SECRET).of(task["job_id"]).model_dump()
    job_dir.write_plan()
    done = job_dir.run()
    assert done.returncode == 0, done.stderr

    missing = {name for name, regex in METRICS.items() if not re.search(regex, done.stdout)}
    assert missing == set()
    assert f"forecast job_id={without_images} " in done.stdout
    unnamed = [x for x in done.stdout.splitlines() if not re.search("(job|plan)_id=", x)]
    assert unnamed == []
    of_the_plan = [line for line in done.stdout.splitlines() if "job_id=" not in line]
    assert [line.split()[0] for line in of_the_plan] == ["instance=unknown", "base"], (
        "the lines of one job name the job"
    )

    events = EventAccumulator(str(job_dir.root / "output" / "tensorboard" / with_images)).Reload()
    for name in ("loss", "lr", "grad_norm"):
        assert [event.step for event in events.Scalars(f"train/{name}")] == [1, 2, 3, 4]
    assert [event.step for event in events.Images("samples")] == [2, 4]
    for name in ("identity", "prompt_following"):
        assert [event.step for event in events.Scalars(f"samples/{name}")] == [2, 4]

    points = {point.step: point.values for point in job_dir.result(with_images).curve}
    always = {"loss", "learning_rate", "grad_norm", "images_per_second"}
    measured = {"sample_identity", "sample_prompt_following"}
    assert {step: set(values) for step, values in points.items()} == {
        1: always, 2: always | measured, 3: always, 4: always | measured,
    }  # fmt: skip
    assert [value["loss"] for value in points.values()] == pytest.approx(
        [event.value for event in events.Scalars("train/loss")]
    )

    names = {name for name in job_dir.result(with_images).files if "/samples/" in name}
    wanted = {f"adapter/samples/step-{s:06d}-{n:02d}.png" for s in (2, 4) for n in range(3)}
    assert names == wanted
    with Image.open(job_dir.folder(with_images) / min(names)) as picture:
        assert picture.size == (64, 64)
    assert not (job_dir.folder(without_images) / "adapter" / "samples").exists()
    for name in (without_images, with_images):
        pictures = [file for file in job_dir.result(name).files if file.endswith(".png")]
        assert {"adapter/samples.png", "adapter/pictures/00.png"} <= set(pictures)
        for file in pictures:
            verdict = verify((job_dir.folder(name) / file).read_bytes(), SECRET)
            assert (verdict.credentials, verdict.model) == ("ours", name), file
            assert (verdict.watermark is not None) == (min(verdict.size) >= MIN_SIDE), file
    one, other = (
        load_file(job_dir.folder(name) / WEIGHTS) for name in (without_images, with_images)
    )
    assert all(torch.equal(one[key], other[key]) for key in one), (
        "validation images do not change the weights"
    )


def test_every_task_has_a_result_when_the_deadline_ends_the_job(make_job_dir: MakeJobDir) -> None:
    job_dir = make_job_dir()
    partial = job_dir.add_task(max_train_steps=20_000)
    late = job_dir.add_task()
    job_dir.write_plan(deadline_seconds=3600)
    done = job_dir.run(late_after="step=")
    assert done.returncode == 0, done.stderr
    result = job_dir.result(partial)
    assert result.status == "succeeded"
    assert result.metrics is not None
    assert result.metrics.partial
    assert 0 < result.metrics.steps < 20_000
    assert f"adapter/webui/sks_sdxl_{partial[:8]}.safetensors" in result.files
    assert job_dir.code(late) == "deadline_exceeded"
    card = (job_dir.folder(partial) / "adapter" / "README.md").read_text()
    assert "stopped early" in card


@pytest.mark.parametrize(
    "invalidate",
    [
        lambda plan: {**plan, "colour": "red"},
        lambda plan: {**plan, "tasks": []},
        lambda plan: {**plan, "tasks": [{**plan["tasks"][0], "photos": []}]},
    ],
    ids=["an unknown field", "no work", "no photos"],
)
def test_an_invalid_plan_fails_before_anything_is_read(
    make_job_dir: MakeJobDir, invalidate: Callable[[dict[str, object]], dict[str, object]]
) -> None:
    job_dir = make_job_dir()
    job_dir.add_task()
    job_dir.write_plan()
    path = job_dir.data / "plan" / "plan.json"
    path.write_text(json.dumps(invalidate(json.loads(path.read_text()))))
    assert job_dir.run().returncode == 1
    assert job_dir.failure().startswith("plan_invalid: check the fields ")
    assert not (job_dir.root / "checkpoints").exists()
