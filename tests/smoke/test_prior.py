"""Class images: made by one job, verified and used by the next, and nothing of a user in them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from safetensors.torch import load, load_file  # noqa: E402

from contracts.base import BaseCard  # noqa: E402
from contracts.documents.class_images import ClassImageSet, class_image_key, order_of  # noqa: E402
from contracts.documents.upload.request import TrainingRequest  # noqa: E402
from local.demo.upload import request  # noqa: E402
from local.embedded_base import PORTRAITS  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from tests.smoke.training_room import REQUEST, Room  # noqa: E402
from trainer.evaluation.judge import load_judge  # noqa: E402
from trainer.examples.class_images import make_set, recipe_of  # noqa: E402
from trainer.examples.draw_class_images import draw  # noqa: E402
from trainer.model.base import load_base, read_card  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402
from trainer.task import vary  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

MakeRoom = Callable[[], Room]
FOUND, MADE = "class images: 2 found ready", "class images: 2 of 2"


@pytest.fixture(scope="module")
def make_room(tmp_path_factory: pytest.TempPathFactory) -> MakeRoom:
    base = tmp_path_factory.mktemp("base")
    make_base(base, "sdxl")
    return lambda: Room(tmp_path_factory.mktemp("room"), base)


def order(room: Room) -> str:
    """The key under which the launcher looks for the set of this room's request."""
    wanted = order_of(TrainingRequest.model_validate(REQUEST), room.card.resolution)
    assert wanted is not None
    return class_image_key(room.card.sha256, wanted)


def made_in(room: Room) -> Path:
    return room.root / "checkpoints" / "priors" / order(room)


def give(room: Room, folder: Path) -> Path:
    """Do as the launcher's channel does."""
    return Path(shutil.copytree(folder, room.data / "prior" / order(room)))


def test_a_plan_without_tasks_makes_the_set_that_the_launcher_looks_for(
    make_room: MakeRoom,
) -> None:
    maker, user = make_room(), make_room()
    wanted = {"class_prompt": REQUEST["class_prompt"], "count": 2}
    maker.write_plan(priors=[{**wanted, "resolution": maker.card.resolution}])
    done = maker.run()
    assert done.returncode == 0, done.stderr
    prior = ClassImageSet.model_validate_json((made_in(maker) / "prior.json").read_bytes())
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
def first(make_room: MakeRoom) -> Room:
    """A user's job that found no set."""
    room = make_room()
    room.add_task()
    room.write_plan()
    done = room.run()
    assert done.returncode == 0, done.stderr
    assert MADE in done.stdout
    return room


def test_a_set_holds_nothing_of_the_photos(make_room: MakeRoom, first: Room) -> None:
    other = make_room()
    other.add_task(photos=4, seed=7)
    other.write_plan()
    assert other.run().returncode == 0
    document = made_in(first) / "prior.json"
    assert document.read_bytes() == (made_in(other) / "prior.json").read_bytes(), "the same bytes"
    prior = ClassImageSet.model_validate_json(document.read_bytes())
    tensors = load_file(made_in(first) / prior.file)
    assert set(tensors) == {"latents", "hidden", "pooled"}
    assert len(tensors["latents"]) == 2
    assert str(REQUEST["class_prompt"]) not in document.read_text()


def test_a_set_that_is_not_what_its_document_says_is_refused(
    make_room: MakeRoom, first: Room
) -> None:
    user = make_room()
    next(give(user, made_in(first)).glob("*.safetensors")).write_bytes(b"something else")
    name = user.add_task()
    user.write_plan()
    assert user.run().returncode == 1
    assert user.code(name) == "prior_mismatch"
    assert user.failure().startswith("prior_mismatch: ")


def test_a_set_of_another_recipe_is_made_anew(make_room: MakeRoom, first: Room) -> None:
    user = make_room()
    document = give(user, made_in(first)) / "prior.json"
    prior = ClassImageSet.model_validate_json(document.read_bytes())
    document.write_text(prior.model_copy(update={"recipe_sha256": "0" * 64}).model_dump_json())
    name = user.add_task()
    user.write_plan()
    done = user.run()
    assert "another recipe" in done.stdout
    assert MADE in done.stdout
    assert user.result(name).status == "succeeded"


@pytest.fixture
def bringing(first: Room, tmp_path: Path) -> Room:
    """A room whose base's own folder holds the set."""
    base = Path(shutil.copytree(first.data / "base", tmp_path / "base"))
    shutil.copytree(made_in(first), base / "priors" / order(first))
    return Room(tmp_path / "room", base)


def test_a_set_that_comes_with_the_base_is_used_and_not_sent_back(bringing: Room) -> None:
    name = bringing.add_task()
    bringing.write_plan()
    done = bringing.run()
    assert done.returncode == 0, done.stderr
    assert FOUND in done.stdout
    assert MADE not in done.stdout
    assert not made_in(bringing).exists()
    assert bringing.result(name).status == "succeeded"


def test_a_set_that_comes_with_the_base_and_is_damaged_is_refused(bringing: Room) -> None:
    folder = bringing.data / "base" / "priors" / order(bringing)
    next(folder.glob("*.safetensors")).write_bytes(b"something else")
    name = bringing.add_task()
    bringing.write_plan()
    assert bringing.run().returncode == 1
    assert bringing.code(name) == "prior_mismatch"


def test_the_shipped_set_is_what_the_embedded_base_draws() -> None:
    claimed = BaseCard.model_validate_json((PORTRAITS / "base.json").read_bytes())
    card = read_card(PORTRAITS, claimed.sha256)
    base = load_base(PORTRAITS, card, torch.device("cpu"), torch.float32)
    wanted = order_of(TrainingRequest.model_validate(request()), card.resolution)
    assert wanted is not None
    prompts = vary(wanted.class_prompt, load_judge(base))
    folder = PORTRAITS / "priors" / class_image_key(card.sha256, wanted)
    prior = ClassImageSet.model_validate_json((folder / "prior.json").read_bytes())
    assert prior.recipe_sha256 == recipe_of(base, wanted, prompts)
    drawn = load(make_set(base, wanted.model_copy(update={"count": 8}), prompts, TimeLimit()))
    kept = load_file(folder / prior.file)
    # Drawn on another processor, or by more threads, the last bits differ.
    assert torch.allclose(drawn["latents"], kept["latents"][:8], atol=1e-3)
    assert torch.allclose(drawn["hidden"], kept["hidden"], atol=1e-3)


def test_the_tool_leaves_a_set_that_the_trainer_finds(first: Room, tmp_path: Path) -> None:
    base = Path(shutil.copytree(first.data / "base", tmp_path / "base"))
    prior = draw(base, str(REQUEST["class_prompt"]), 2, 0, "no")
    assert prior.key == order(first)
    assert (base / "priors" / prior.key / prior.file).is_file()
    made = ClassImageSet.model_validate_json((made_in(first) / "prior.json").read_bytes())
    assert prior.recipe_sha256 == made.recipe_sha256, "its bytes differ by the number of threads"


def test_the_next_job_of_a_warm_pool_finds_the_set_in_its_cache(first: Room) -> None:
    shutil.rmtree(first.root / "checkpoints")
    again = first.run()
    assert FOUND in again.stdout
    assert made_in(first).exists(), "the bucket has none yet, so it is offered again"
