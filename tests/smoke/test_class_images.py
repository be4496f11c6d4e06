"""Class images: made by one job, verified and used by the next, and nothing of a user in them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from safetensors.torch import load_file  # noqa: E402

from contracts.documents.prior import PriorSet, order_of, prior_key  # noqa: E402
from contracts.documents.upload.request import TrainingRequest  # noqa: E402
from tests.smoke.job_dir import REQUEST, JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

MakeJobDir = Callable[[], JobDir]
FOUND, MADE = "class images: 2 found ready", "class images: 2 of 2"


@pytest.fixture(scope="module")
def make_job_dir(tmp_path_factory: pytest.TempPathFactory) -> MakeJobDir:
    base = tmp_path_factory.mktemp("base")
    make_base(base, "sdxl")
    return lambda: JobDir(tmp_path_factory.mktemp("job"), base)


def order(job_dir: JobDir) -> str:
    """The key under which the launcher looks for the set of this room's request."""
    wanted = order_of(TrainingRequest.model_validate(REQUEST), job_dir.card.resolution)
    assert wanted is not None
    return prior_key(job_dir.card.sha256, wanted)


def made_in(job_dir: JobDir) -> Path:
    return job_dir.root / "checkpoints" / "priors" / order(job_dir)


def give(job_dir: JobDir, folder: Path) -> Path:
    """Do as the launcher's channel does."""
    return Path(shutil.copytree(folder, job_dir.data / "prior" / order(job_dir)))


def test_a_plan_without_tasks_makes_the_set_that_the_launcher_looks_for(
    make_job_dir: MakeJobDir,
) -> None:
    maker, user = make_job_dir(), make_job_dir()
    wanted = {"class_prompt": REQUEST["class_prompt"], "count": 2}
    maker.write_plan(priors=[{**wanted, "resolution": maker.card.resolution}])
    done = maker.run()
    assert done.returncode == 0, done.stderr
    prior = PriorSet.model_validate_json((made_in(maker) / "prior.json").read_bytes())
    assert (prior.key, prior.count) == (order(maker), 2)

    give(user, made_in(maker))
    name = user.add_task()
    user.write_plan()
    done = user.run()
    assert done.returncode == 0, done.stderr
    assert FOUND in done.stdout
    assert MADE not in done.stdout
    assert not made_in(user).exists(), "what came by the channel is not sent back"
    assert user.result(name).status == "succeeded"


@pytest.fixture(scope="module")
def first(make_job_dir: MakeJobDir) -> JobDir:
    """A user's job that found no set."""
    job_dir = make_job_dir()
    job_dir.add_task()
    job_dir.write_plan()
    done = job_dir.run()
    assert done.returncode == 0, done.stderr
    assert MADE in done.stdout
    return job_dir


def test_a_set_holds_nothing_of_the_photos(make_job_dir: MakeJobDir, first: JobDir) -> None:
    other = make_job_dir()
    other.add_task(photos=4, seed=7)
    other.write_plan()
    assert other.run().returncode == 0
    document = made_in(first) / "prior.json"
    assert document.read_bytes() == (made_in(other) / "prior.json").read_bytes(), "the same bytes"
    prior = PriorSet.model_validate_json(document.read_bytes())
    tensors = load_file(made_in(first) / prior.file)
    assert set(tensors) == {"latents", "hidden", "pooled"}
    assert len(tensors["latents"]) == 2
    assert str(REQUEST["class_prompt"]) not in document.read_text()


def test_a_set_that_is_not_what_its_document_says_is_refused(
    make_job_dir: MakeJobDir, first: JobDir
) -> None:
    user = make_job_dir()
    next(give(user, made_in(first)).glob("*.safetensors")).write_bytes(b"something else")
    name = user.add_task()
    user.write_plan()
    assert user.run().returncode == 1
    assert user.code(name) == "prior_mismatch"
    assert user.failure().startswith("prior_mismatch: ")


def test_a_set_of_another_recipe_is_made_anew(make_job_dir: MakeJobDir, first: JobDir) -> None:
    user = make_job_dir()
    document = give(user, made_in(first)) / "prior.json"
    prior = PriorSet.model_validate_json(document.read_bytes())
    document.write_text(prior.model_copy(update={"recipe_sha256": "0" * 64}).model_dump_json())
    name = user.add_task()
    user.write_plan()
    done = user.run()
    assert "another recipe" in done.stdout
    assert MADE in done.stdout
    assert user.result(name).status == "succeeded"


def test_the_next_job_of_a_warm_pool_finds_the_set_in_its_cache(first: JobDir) -> None:
    shutil.rmtree(first.root / "checkpoints")
    again = first.run()
    assert FOUND in again.stdout
    assert made_in(first).exists(), "the bucket has none yet, so it is offered again"
