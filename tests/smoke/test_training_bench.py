"""The bench runs and its exactness gates hold on a tiny base; speed is not measured."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")

from bench.training import __main__ as training  # noqa: E402
from bench.training import gates, image_folder, steps  # noqa: E402
from bench.training.script import INSTANCE  # noqa: E402
from tests.smoke.job_dir import JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from trainer.model.base import Base  # noqa: E402
from trainer.optimisation import loop  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("base")
    make_base(made, "sdxl")
    return made


@pytest.fixture(scope="module")
def base(folder: Path) -> Base:
    return gates.open_base(folder)


def test_gradients_of_one_pass_are_those_of_separate_passes_through_pefts_layers(
    base: Base,
) -> None:
    assert gates.gradient_gap(base) < 1e-5


def test_the_loss_on_cached_latents_is_the_loss_on_photos_encoded_at_the_step(base: Base) -> None:
    assert gates.latent_gap(base) < 1e-4


def test_the_step_is_timed_with_each_saving_taken_away_and_left_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "TURNS", 1)
    before = dict(vars(loop))
    figures = steps.steps(folder, processor=True)
    assert len(figures) == 4
    assert all(figure.value is not None and figure.value > 0 for figure in figures)
    assert vars(loop) == before


def test_both_sides_get_the_same_captions(folder: Path, tmp_path: Path) -> None:
    job_dir = JobDir(tmp_path, folder)
    job_dir.add_task(3)
    training.describe(job_dir)
    ours = [photo["caption"] for photo in job_dir.tasks[0]["photos"]]
    rows = image_folder.load_dataset(str(training.photos_of(job_dir, 1)))["train"]
    assert rows.column_names == ["image", "text"]
    assert rows["text"] == ours
    assert len(set(ours)) == len(rows["image"]) == 3
    assert all(caption.startswith(INSTANCE) for caption in ours)
